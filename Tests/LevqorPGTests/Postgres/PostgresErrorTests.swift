import Testing

@testable import LevqorPG

@Suite("Errors")
struct PostgresErrorTests {
    private var violation: PostgresError {
        var error = PostgresError(.server, "duplicate key value violates unique constraint \"u\"")
        error.sqlstate = "23505"
        error.detail = "Key (email)=(a@b.c) already exists."
        error.constraint = "u"
        return error
    }

    @Test("the description is generic: kind, SQLSTATE, our words")
    func describesGenerically() {
        #expect("\(violation)" == "PostgresError(server 23505): the database refused the statement")
    }

    @Test("the reflection has everything the server said")
    func reflectsFully() {
        let text = String(reflecting: violation)
        for part in ["23505", "duplicate key", "a@b.c", "constraint: u"] { #expect(text.contains(part)) }
    }

    @Test("the text for the log quotes no row, the one for the person at the command line tells all")
    func withoutDetail() {
        let text = violation.textForLog
        #expect(!text.contains("a@b.c"))
        for part in ["23505", "duplicate key", "constraint: u"] { #expect(text.contains(part)) }
        let explained = "\(Launcher.explain(violation))"
        for part in ["23505", "duplicate key", "a@b.c"] { #expect(explained.contains(part)) }
    }

    @Test("context lines that quote parameters are dropped, with what follows them")
    func dropsParameterContext() {
        let context = """
            PL/pgSQL function f() line 3
            unnamed portal with parameters: $1 = 'secret
            still secret', $2 = '1'
            """
        #expect(PostgresError.withoutParameters(context) == "PL/pgSQL function f() line 3")
        #expect(PostgresError.withoutParameters("portal \"x\" parameter $1 = 'secret'") == nil)
    }

    @Test("a position becomes a line, counted in characters as the server does")
    func locates() {
        var error = PostgresError(.server, "syntax error")
        error.position = 15
        // Characters, not bytes and not graphemes: é is two scalars here.
        #expect(error.located(in: "select 'e\u{301}'\n;\nselec 1").line == 3)
        #expect(error.located(in: "one line only, that is it").line == 1)
    }
}
