import Foundation
import Logging
import Testing

@testable import LevqorPG

/// A database of one test, cloned from the template; it goes away with the test.
struct TestDatabase: Sendable {
    let name: String
    /// As the superuser.
    let url: String

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static let turns = TestTurns(6)

    /// Clones the template, runs the test and drops the clone. A missing variable fails the test; it never skips it.
    static func with(_ body: (TestDatabase) async throws -> Void) async throws {
        await turns.take()
        let result: Result<Void, any Error>
        do {
            result = .success(try await withClone(body))
        } catch {
            result = .failure(error)
        }
        await turns.give()
        try result.get()
    }

    private static func withClone(_ body: (TestDatabase) async throws -> Void) async throws {
        let server = try PostgresTestDatabase.url()
        let template = ProcessInfo.processInfo.environment["LEVQOR_TEST_TEMPLATE"] ?? "levqor_template"
        let name = "gateway_" + String(UInt64.random(in: .min ... .max), radix: 36)
        // Two clones at once get in each other's way: the template must have no other session.
        try await run(
            at: server,
            "select pg_catalog.pg_advisory_lock(7220)", "create database \(name) template \(template)"
        )
        let database = TestDatabase(name: name, url: try DeployDatabase.render(server, ["dbname": name]))
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(database))
        } catch {
            result = .failure(error)
        }
        try await run(at: server, "drop database \(name) with (force)")
        try result.get()
    }

    private static func run(at url: String, _ statements: String...) async throws {
        let connection = try await PostgresConnection.connect(PostgresConfiguration(url), logger: logger)
        for statement in statements { try await connection.query(statement, deadline: .seconds(120)) }
        await connection.close()
    }

    /// A session of its own, as psql would open one.
    func connect(_ name: String = "levqor-test") async throws -> PostgresConnection {
        try await .connect(PostgresConfiguration(url, applicationName: name), logger: Self.logger)
    }

    /// One statement in a session of its own.
    @discardableResult
    func run(_ sql: String, _ parameters: [PostgresParameter] = []) async throws -> PostgresResult {
        let connection = try await connect()
        do {
            let result = try await connection.query(sql, parameters, deadline: .seconds(60))
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Many statements, as the role that owns everything.
    func script(_ sql: String) async throws {
        let connection = try await connect()
        do {
            try await connection.script(
                "set role levqor_owner; set levqor.machinery = 'on'; " + sql, deadline: .seconds(60))
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }

    /// The first column of the first row.
    func text(_ sql: String, _ parameters: [PostgresParameter] = []) async throws -> String? {
        try await run(sql, parameters).first?.string(0)
    }

    /// Asks until the answer is true.
    func until(_ sql: String, _ parameters: [PostgresParameter] = []) async throws {
        let connection = try await connect("levqor-test-observer")
        for _ in 0..<1500 {
            if try await connection.query(sql, parameters).first?.bool(0) == true { return await connection.close() }
            try await connection.query("select pg_catalog.pg_sleep(0.02)")
        }
        await connection.close()
        throw PostgresError(.deadlineExceeded, "the condition never came true: \(sql)")
    }

    /// Makes an account; gives its UUID.
    func account(_ name: String) async throws -> String {
        try #require(try await text("select identity.create_account($1)", [.text(name)]))
    }

    /// Makes a key of an account, or of the operator.
    func key(
        _ account: String? = nil,
        scopes: [String] = ["platform", "jobs:submit", "jobs:read", "jobs:work", "keys:manage"]
    ) async throws -> String {
        try #require(
            try await text(
                "select key from keys.create_key(coalesce($1::uuid, identity.operator_account()), 'test', $2::text[])",
                [account.map(PostgresParameter.text) ?? .null, .textArray(scopes)]
            )
        )
    }

    /// Takes the rate limits away, for tests that are about something else.
    func withoutLimits() async throws {
        try await run("update limits.policy set is_enabled = false")
    }
}
