import Foundation
import Testing

@testable import LevqorPG

@Suite("The commands of levqor-server, as a person sees them", .timeLimit(.minutes(3)))
struct CommandTests {
    private static func run(
        _ arguments: [String], directory: String = "/nonexistent/levqor", _ variables: [String: String] = [:]
    ) async throws -> Command.Output {
        let settings = ["LEVQOR_DIRECTORY": directory, "LEVQOR_PORT": "0", "LEVQOR_ADMIN_PORT": "0"]
        return try await Command(
            executable: try ServerProcess.binary(), arguments: arguments,
            environment: settings.merging(variables) { $1 }.merging(["PATH": BinaryFinder.systemPath]) { $1 }
        ).run()
    }

    private static func settings(_ url: String) -> [String: String] {
        ["LEVQOR_DATABASE_URL": url, "LEVQOR_MASTER_KEY": TestServer.masterKey]
    }

    @Test("A row that stops the boot is named, with what to do")
    func badRow() async throws {
        try await TestDatabase.with { database in
            try await database.script(
                """
                insert into http.route (method, path, function, domain, access)
                values ('GET', '/t/bad', 'api.t_missing', 'test', 'public')
                """
            )
            let output = try await Self.run(["serve"], Self.settings(database.url))
            #expect(output.status == 1)
            for part in ["LQ500", "GET /t/bad", "api.t_missing", "What to do: "] {
                #expect(output.text.contains(part), "\(output.text)")
            }
        }
    }

    @Test(
        "A database that is down is named with its host and the reason",
        arguments: [["serve"], ["key", "create", "--name", "n"]])
    func databaseDown(command: [String]) async throws {
        let output = try await Self.run(command, Self.settings("postgresql://postgres:hidden@127.0.0.1:1/x"))
        #expect(output.status == 1)
        for part in ["127.0.0.1", "refused"] { #expect(output.text.contains(part), "\(output.text)") }
        #expect(!output.text.contains("hidden"))
    }

    @Test(
        "A key that cannot be made says why",
        arguments: [
            (["--scopes", "foo,admin"], "foo,admin is known: CHECK"), (["--account", "acct_0"], "no such account"),
        ])
    func key(options: [String], reason: String) async throws {
        try await TestDatabase.with { database in
            let output = try await Self.run(["key", "create", "--name", "n"] + options, Self.settings(database.url))
            #expect(output.status == 1)
            #expect(output.text.contains(reason), "\(output.text)")
        }
    }

    @Test("SQL files that cannot be read stop a server that was told where they are")
    func sqlFiles() async throws {
        try await TestDatabase.with { database in
            let folder = NSTemporaryDirectory() + "/levqor-sql-" + UUID().uuidString
            let variables = Self.settings(database.url).merging(["LEVQOR_SQL_DIRECTORY": folder]) { $1 }
            let absent = try await Self.run(["serve"], variables)
            #expect(absent.status == 1)
            #expect(absent.text.contains("LEVQOR_SQL_DIRECTORY"), "\(absent.text)")
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try Data("\\ir functions/absent.sql\n".utf8).write(to: URL(fileURLWithPath: folder + "/install.sql"))
            let broken = try await Self.run(["serve"], variables)
            #expect(broken.status == 1)
            #expect(broken.text.contains("sql/install.sql"), "\(broken.text)")
        }
    }

    @Test(
        "A name that is no secret's is refused with what is wrong",
        arguments: [
            ("webhook", "webhook/ACCOUNT-UUID/GENERATION"), ("other/x/1", "webhook/ACCOUNT-UUID/GENERATION"),
            ("webhook/acct_1/1", "UUID"), ("webhook/01A1FE4A-148E-7B9F-A3BA-78800393EBE6/1", "lower case"),
            ("webhook/01a1fe4a-148e-7b9f-a3ba-78800393ebe6/0", "generation"),
            ("webhook/01a1fe4a-148e-7b9f-a3ba-78800393ebe6/01", "generation"),
        ])
    func secretName(name: String, reason: String) async throws {
        let output = try await Self.run(["secret", name], ["LEVQOR_MASTER_KEY": TestServer.masterKey])
        #expect(output.status == 1)
        #expect(output.text.contains(reason), "\(output.text)")
    }

    @Test("Looking at a folder without a cluster makes nothing in it")
    func nothingMade() async throws {
        let folder = NSTemporaryDirectory() + "/levqor-none-" + UUID().uuidString
        let secret = "webhook/01a1fe4a-148e-7b9f-a3ba-78800393ebe6/1"
        for arguments in [["cluster", "status"], ["cluster", "stop"], ["secret", secret]] {
            let output = try await Self.run(arguments, directory: folder)
            #expect(output.status == 1)
            #expect(output.text.contains(folder), "\(output.text)")
        }
        let check = try await Self.run(["check"], directory: folder)
        #expect(check.status == 0, "\(check.text)")
        #expect(check.text.contains("info     No embedded PostgreSQL was made in \(folder) yet"), "\(check.text)")
        #expect(!FileManager.default.fileExists(atPath: folder))
        let derived = try await Self.run(["secret", secret], ["LEVQOR_MASTER_KEY": TestServer.masterKey])
        #expect(derived.out.hasPrefix("whsec_"))
    }

    @Test(
        "A port that is none is refused by its option",
        arguments: [("--port", "65536"), ("--port=-1", nil), ("--admin-port", "70000")] as [(String, String?)])
    func ports(option: String, value: String?) async throws {
        let output = try await Self.run(["serve", option] + (value.map { [$0] } ?? []))
        #expect(output.status != 0)
        #expect(output.text.contains("from 0 to 65535"), "\(output.text)")
        #expect(output.text.contains(String(option.prefix { $0 != "=" })))
    }
}
