import Foundation
import Testing

@testable import LevqorPG

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

@Suite("levqor-server check", .enabled(if: DeployDatabase.serverURL != nil))
struct CheckerTests {
    private func check(
        _ database: DeployDatabase,
        url: String? = nil,
        _ variables: [String: String] = [:]
    ) async -> [CheckFinding] {
        let ports = [
            "LEVQOR_PORT": "0", "LEVQOR_ADMIN_PORT": "0", "LEVQOR_MASTER_KEY": String(repeating: "ab", count: 32),
        ]
        return await Checker(
            variables: ports.merging(variables) { $1 },
            databaseURL: url ?? database.url,
            isEmbedded: false,
            sqlDirectory: database.sql,
            isRoot: false,
            logger: .silent
        ).run()
    }

    @Test func `finds a deployed database fine, and a superuser's login not`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            let findings = await check(database)
            #expect(findings.isFine, "\(findings.lines)")
            #expect(findings.contains { $0.level == .ok && $0.sentence == "LISTEN works." })
            #expect(findings.contains { $0.level == .ok && $0.sentence.contains("as this server's files are") })
            #expect(findings.contains { $0.level == .warning && $0.sentence.contains("superuser") })
        }
    }

    @Test func `asks for a migration where there is none yet or one too few`() async throws {
        try await DeployDatabase.with { database in
            let before = await check(database)
            #expect(!before.isFine)
            #expect(before.contains { $0.level == .error && $0.advice.contains("levqor-server migrate") })
            try await database.migrator().run()
            try database.append("functions/core/clock.sql", "\n-- a comment more\n")
            let behind = await check(database)
            #expect(behind.filter { $0.level == .error }.map(\.advice) == ["Run levqor-server migrate."])
        }
    }

    @Test func `names the grant that a login lacks`() async throws {
        let login = "web_" + UUID().uuidString.lowercased().prefix(8)
        let server = try #require(DeployDatabase.serverURL)
        try await DeployDatabase.run("create role \(login) login password '\(DeployDatabase.password)'", at: server)
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            let url = try DeployDatabase.render(database.url, ["user": login])
            let without = await check(database, url: url)
            #expect(without.contains { $0.advice == "As a superuser: grant levqor_server to \(login);" })
            try await DeployDatabase.run("grant levqor_server to \(login)", at: server)
            let with = await check(database, url: url, ["LEVQOR_DEPLOY_URL": url])
            #expect(with.filter { $0.level == .error }.count == 1, "\(with.lines)")
            #expect(with.contains { $0.level == .error && $0.sentence.contains("LEVQOR_DEPLOY_URL") })
            #expect(!with.contains { $0.sentence.contains("is a superuser") })
        }
        try await DeployDatabase.run("drop role \(login)", at: server)
    }

    @Test func `tells that a database cannot be reached, and no password`() async throws {
        try await DeployDatabase.with { database in
            let url = "postgresql://web:geheim@/nowhere?host=/nonexistent"
            let findings = await check(database, url: url)
            #expect(findings.last?.level == .error)
            #expect(findings.last?.advice.contains("LEVQOR_DATABASE_URL") == true)
            #expect(!findings.lines.joined().contains("geheim"))
            let listen = await check(database, ["LEVQOR_LISTEN_URL": url])
            #expect(listen.contains { $0.level == .error && $0.advice == "Check LEVQOR_LISTEN_URL." })
            #expect(!listen.lines.joined().contains("geheim"))
            let replica = await check(database, ["LEVQOR_REPLICA_URL": url])
            #expect(replica.contains { $0.level == .warning && $0.advice.hasPrefix("Check LEVQOR_REPLICA_URL.") })
            #expect(!replica.lines.joined().contains("geheim"))
        }
    }

    @Test func `sees that a port is taken`() throws {
        let port = try Self.withListener { port in
            #expect(PortProbe.look(host: "127.0.0.1", port: port) == .taken)
            return port
        }
        #expect(PortProbe.look(host: "127.0.0.1", port: port) == .free)
        guard case .refused = PortProbe.look(host: "no such host", port: port) else {
            Issue.record("it should be refused")
            return
        }
    }

    /// Listens on a free port for as long as `body` runs.
    private static func withListener<R>(_ body: (Int) throws -> R) throws -> R {
        #if canImport(Glibc)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                try #require(bind(descriptor, raw, length) == 0 && listen(descriptor, 1) == 0)
                try #require(getsockname(descriptor, raw, &length) == 0)
            }
        }
        return try body(Int(UInt16(bigEndian: address.sin_port)))
    }
}
