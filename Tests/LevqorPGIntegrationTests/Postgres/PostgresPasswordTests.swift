import Testing

@testable import LevqorPG

@Suite("Passwords", .timeLimit(.minutes(2)))
struct PostgresPasswordTests {
    /// Proves what reaches an operator when a server asks for a password. Whether this one does is up to its
    /// pg_hba.conf, so a role that may not log in stands in for the refusal where it trusts everyone.
    @Test("a refused login is a failed connection, and the password is in none of its texts")
    func reportsWrongPassword() async throws {
        let role = PostgresTestDatabase.uniqueName()
        let owner = try await PostgresTestDatabase.connect()
        try await owner.script("create role \(role) nologin password 'right'")
        var options = try PostgresConnectionString.parse(PostgresTestDatabase.url())
        options["user"] = role
        options["password"] = "hunter2secret"
        let text = options.map { "\($0)='\($1)'" }.joined(separator: " ")
        let error = try await postgresError {
            try await PostgresConnection.connect(PostgresConfiguration(text), logger: PostgresTestDatabase.logger)
        }
        try await owner.script("drop role \(role)")
        #expect(error.code == .connectionFailed)
        #expect(error.message.contains(role))
        #expect(!String(reflecting: error).contains("hunter2secret"))
    }
}
