import Foundation
import Logging
import Testing

@testable import LevqorPG

/// A database and a copy of sql/ for one test; both go away with it.
struct DeployDatabase: Sendable {
    let name: String
    /// The copy, free to be changed.
    let sql: String
    /// As the superuser.
    let url: String

    static let serverURL = ProcessInfo.processInfo.environment["LEVQOR_TEST_DATABASE_URL"]

    /// Patience without pauses that would make tests slow.
    static var timing: DeployTiming {
        var timing = DeployTiming()
        timing.functionLock = .milliseconds(20)
        timing.migrationLock = .milliseconds(20)
        timing.functionAttempts = 100_000
        timing.migrationAttempts = 100_000
        timing.backoff = Backoff(initial: .milliseconds(1), maximum: .milliseconds(5))
        return timing
    }

    static func with(owner: String? = nil, _ body: (DeployDatabase) async throws -> Void) async throws {
        let server = try #require(serverURL)
        let name = "deploy_" + UUID().uuidString.lowercased().replacing("-", with: "").prefix(16)
        let database = DeployDatabase(
            name: name,
            sql: NSTemporaryDirectory() + "/\(name)-sql",
            url: try render(server, ["dbname": name])
        )
        try FileManager.default.copyItem(atPath: source, toPath: database.sql)
        try await run("create database \(name)" + (owner.map { " owner \($0)" } ?? ""), at: server)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(database))
        } catch {
            result = .failure(error)
        }
        try FileManager.default.removeItem(atPath: database.sql)
        try await run("drop database \(name) with (force)", at: server)
        try result.get()
    }

    /// sql/ of this repository, or a snapshot of it.
    private static var source: String {
        if let folder = ProcessInfo.processInfo.environment["LEVQOR_SQL_DIRECTORY"] { return folder }
        var root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<4 { root.deleteLastPathComponent() }
        return root.appendingPathComponent("sql").path
    }

    static func run(_ statement: String, at url: String) async throws {
        let connection = try await PostgresConnection.connect(PostgresConfiguration(url), logger: .silent)
        try await connection.query(statement)
        await connection.close()
    }

    /// Of the logins that tests make: the embedded cluster lets strangers in by password only.
    static let password = "of-a-test"

    /// The same place with other options, as key=value text.
    static func render(_ url: String, _ changes: [String: String]) throws -> String {
        var changes = changes
        if changes["user"] != nil { changes["password"] = password }
        return try PostgresConnectionString.parse(url).merging(changes) { $1 }
            .map { key, value in
                "\(key)='\(value.replacing("\\", with: "\\\\").replacing("'", with: "\\'"))'"
            }
            .joined(separator: " ")
    }

    func migrator(
        sql: String? = nil,
        user: String? = nil,
        environment: String? = nil,
        timing: DeployTiming = timing,
        tell: @escaping DeployEventHandler = { _ in }
    ) throws -> Migrator {
        Migrator(
            databaseURL: try user.map { try Self.render(url, ["user": $0]) } ?? url,
            sqlDirectory: sql ?? self.sql,
            environment: environment,
            timing: timing,
            logger: .silent,
            tell: tell
        )
    }

    func connect(_ settings: [String: String] = [:]) async throws -> PostgresConnection {
        try await PostgresConnection.connect(PostgresConfiguration(url, settings: settings), logger: .silent)
    }

    func execute(_ statements: String) async throws {
        let connection = try await connect()
        try await connection.script(statements)
        await connection.close()
    }

    /// The first cell of the first row.
    func ask(_ query: String) async throws -> String? {
        let connection = try await connect()
        let cell = try await connection.query(query).first?.string(0)
        await connection.close()
        return cell
    }

    // MARK: Files

    func read(_ path: String) throws -> String {
        try String(contentsOfFile: "\(sql)/\(path)", encoding: .utf8)
    }

    func write(_ path: String, _ text: String) throws {
        let url = URL(fileURLWithPath: "\(sql)/\(path)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    func append(_ path: String, _ text: String) throws { try write(path, read(path) + text) }

    /// Adds a function file and its line in install.sql, before the last file.
    func addFunctions(_ path: String, _ text: String) throws {
        try write(path, text)
        let install = try read("install.sql")
        try write("install.sql", install.replacing("\\ir schema/999", with: "\\ir \(path)\n\\ir schema/999"))
    }

    func removeFunctions(_ path: String) throws {
        try FileManager.default.removeItem(atPath: "\(sql)/\(path)")
        try write("install.sql", read("install.sql").replacing("\\ir \(path)\n", with: ""))
    }

    /// The next free number of a migration, as four digits.
    func nextMigration() throws -> String {
        let number = try DeployFiles.read(sql).migrations.count + 1
        return String(repeating: "0", count: 4 - String(number).count) + String(number)
    }

    // MARK: Whole databases

    /// `pg_dump -s`, made comparable.
    func dump() throws -> String {
        let help = try Self.program("pg_dump", ["--help"])
        let key = help.contains("--restrict-key") ? ["--restrict-key=levqor"] : []
        return try Self.program("pg_dump", ["-s", "-d", url] + key)
    }

    /// Every table with its number of rows, and what is recorded of the deploys, except when.
    func content() async throws -> String {
        let connection = try await connect()
        var lines: [String] = []
        let tables = try await connection.query(
            """
            select format('%I.%I', n.nspname, c.relname)
            from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema)'
            order by 1
            """
        ).compactMap { $0.string(0) }
        for table in tables {
            let count = try await connection.query("select count(*) from \(table)").first?.int(0)
            lines.append("\(table) \(count ?? -1)")
        }
        let recorded = try await connection.query(
            """
            select t::text from core.deployed_file as t union all select t::text from core.deployment as t
            union all select t::text from core.migration as t union all select t::text from http.route as t
            """
        ).compactMap { $0.string(0) }
        await connection.close()
        return (lines + recorded.sorted()).joined(separator: "\n")
    }

    /// Installs with psql alone, as the comment in install.sql says.
    func installWithPsql() throws {
        _ = try Self.program(
            "psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", "-d", url, "-f", "\(sql)/install.sql"])
    }

    static func program(_ name: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [name] + arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(name) failed")
        return String(decoding: data, as: UTF8.self)
    }
}

extension Logger {
    static let silent = Logger(label: "deploy-test") { _ in SwiftLogNoOpLogHandler() }
}
