import Foundation
import Logging

@testable import LevqorPG

/// The database that the tests of this folder run against. They create nothing that outlives their session.
enum PostgresTestDatabase {
    struct Missing: Error, CustomStringConvertible {
        let description = "LEVQOR_TEST_DATABASE_URL is not set: it has to hold the libpq URL of a database for tests"
    }

    struct NoError: Error {}

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A missing variable fails the test that asks; it never skips it.
    static func url() throws -> String {
        guard let url = ProcessInfo.processInfo.environment["LEVQOR_TEST_DATABASE_URL"], !url.isEmpty else {
            throw Missing()
        }
        return url
    }

    static func configuration(_ name: String = "levqor-test") throws -> PostgresConfiguration {
        var configuration = PostgresConfiguration(try url(), applicationName: name)
        configuration.cancelGrace = .seconds(10)
        return configuration
    }

    static func connect(_ name: String = "levqor-test") async throws -> PostgresConnection {
        try await .connect(configuration(name), logger: logger)
    }

    /// Asks the database until the answer is true, a bounded number of times; each turn waits on the server, not here.
    static func until(_ sql: String, _ parameters: [PostgresParameter] = []) async throws {
        let observer = try await connect("levqor-test-observer")
        for _ in 0..<1000 {
            if try await observer.query(sql, parameters).first?.bool(0) == true { return }
            try await observer.query("select pg_catalog.pg_sleep(0.02)")
        }
        throw PostgresError(.deadlineExceeded, "the condition never came true: \(sql)")
    }

    /// Waits until that server process runs a statement in which it waits.
    static func untilSleeping(_ pid: Int32) async throws {
        try await until(
            "select exists (select from pg_stat_activity where pid = $1::int and wait_event = 'PgSleep')",
            [.int(Int(pid))]
        )
    }

    static func terminate(_ pid: Int32) async throws {
        let observer = try await connect("levqor-test-observer")
        try await observer.query("select pg_terminate_backend($1::int)", [.int(Int(pid))])
    }

    /// A name that no other test has, for channels and applications.
    static func uniqueName() -> String {
        "levqor_test_" + String(UInt64.random(in: .min ... .max), radix: 36)
    }
}

/// The error of a call that has to fail with a `PostgresError`.
func postgresError<R: Sendable>(_ body: () async throws -> R) async throws -> PostgresError {
    do {
        _ = try await body()
    } catch let error as PostgresError {
        return error
    }
    throw PostgresTestDatabase.NoError()
}
