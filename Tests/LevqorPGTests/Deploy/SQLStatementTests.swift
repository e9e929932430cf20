import Testing

@testable import LevqorPG

@Suite("A script's statements")
struct SQLStatementTests {
    @Test(arguments: [
        ("", []),
        (" ; ;\n-- only a comment", []),
        ("select 1", ["select 1"]),
        ("select 1; select 2;", ["select 1", "select 2"]),
        ("select ';'; select 2", ["select ';'", "select 2"]),
        ("select 'it''s;'; x", ["select 'it''s;'", "x"]),
        ("select '\\'; x", ["select '\\'", "x"]),
        ("select E'\\';'; x", ["select E'\\';'", "x"]),
        ("select e'a''\\';'; x", ["select e'a''\\';'", "x"]),
        ("select \"a;\"\"b;\"; x", ["select \"a;\"\"b;\"", "x"]),
        ("select $$a;b$$; x", ["select $$a;b$$", "x"]),
        ("select $q$a;$$;b$q$; x", ["select $q$a;$$;b$q$", "x"]),
        ("select a$b$c; x", ["select a$b$c", "x"]),
        ("select $1; x", ["select $1", "x"]),
        ("a -- b; c\n; d", ["a -- b; c\n", "d"]),
        ("a /* ; /* ; */ ; */ b; c", ["a /* ; /* ; */ ; */ b", "c"]),
        (
            "create function f() begin atomic select case when a then b end; select 2; end; x",
            [
                "create function f() begin atomic select case when a then b end; select 2; end", "x",
            ]
        ),
        ("select 'never closed; x", ["select 'never closed; x"]),
        ("select $$never closed; x", ["select $$never closed; x"]),
    ])
    func `end at semicolons that are none of a text, name or comment`(_ script: String, _ expected: [String]) {
        #expect(SQLStatement.split(script).map(\.text) == expected)
    }

    @Test func `know line and place, counted as the server counts`() {
        let script = "-- ä😀\n\nselect '😀\n';\n  /* x\n */ insert\ninto a"
        let statements = SQLStatement.split(script)
        #expect(statements.map(\.line) == [3, 6])
        let scalars = Array(script.unicodeScalars)
        #expect(statements.map { scalars[$0.range.lowerBound] } == ["s", "i"])
        #expect(statements.map(\.firstLine) == ["select '😀", "insert"])
    }

    @Test(arguments: [
        "begin", "COMMIT and chain", "rollback", "end", "abort", "start  transaction", "-- a\nbegin\n--b",
        "prepare transaction 'x'",
    ])
    func `may not control the transaction`(_ text: String) throws {
        #expect(try #require(SQLStatement.split(text).first).controlsTransaction)
    }

    @Test(arguments: [
        "do $$ begin commit; end $$", "prepare x as select 1", "set local lock_timeout = 0", "savepoint begin",
    ])
    func `may do anything else`(_ text: String) throws {
        #expect(try #require(SQLStatement.split(text).first).controlsTransaction == false)
    }

    @Test func `that build an index are read`() throws {
        func read(_ text: String) throws -> ConcurrentIndex? {
            ConcurrentIndex(try #require(SQLStatement.split(text).first))
        }
        let index = try #require(try read("create unique index concurrently\nif not exists x_key on only a.x(b)"))
        #expect(index.isRepeatable)
        #expect(index.name == "x_key")
        #expect(index.table == "a.x")
        #expect(try read("create index concurrently x on a.x (b)")?.isRepeatable == false)
        #expect(try read("create index x on a.x (b)") == nil)
        #expect(try read("drop index concurrently x") == nil)
    }
}
