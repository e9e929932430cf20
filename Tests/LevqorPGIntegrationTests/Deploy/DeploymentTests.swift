import Foundation
import Testing

@testable import LevqorPG

@Suite("A server that starts", .enabled(if: DeployDatabase.serverURL != nil))
struct DeploymentTests {
    private func verify(_ database: DeployDatabase, role: String? = "levqor_server") async throws -> Deployment.Verdict
    {
        let connection = try await database.connect(role.map { ["role": $0] } ?? [:])
        do {
            let verdict = try await Deployment.verify(connection, files: DeployFiles.read(database.sql))
            await connection.close()
            return verdict
        } catch {
            await connection.close()
            throw error
        }
    }

    @Test func `refuses a database that was never deployed`() async throws {
        try await DeployDatabase.with { database in
            let error = await #expect(throws: DeployError.self) { try await verify(database, role: nil) }
            #expect(error?.code == .behind)
            #expect(error?.advice.contains("levqor-server migrate") == true)
        }
    }

    @Test func `takes a database deployed from its own files, with no more than its role`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            #expect(try await verify(database) == .current)
        }
    }

    @Test func `takes one that psql installed, and asks for it to be recorded`() async throws {
        try await DeployDatabase.with { database in
            // Makes the roles, should they be missing.
            try await DeployDatabase.with { try await $0.migrator().run() }
            try database.installWithPsql()
            guard case .usable(let sentence) = try await verify(database) else {
                Issue.record("it should be usable")
                return
            }
            #expect(sentence.contains("psql"))
            try await database.migrator().run()
            #expect(try await verify(database) == .current)
        }
    }

    @Test func `refuses a database behind its migrations or function files`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            try database.append("functions/core/clock.sql", "\n-- a comment more\n")
            let changed = await #expect(throws: DeployError.self) { try await verify(database) }
            #expect(changed?.code == .behind)
            let number = try database.nextMigration()
            try database.write("migrations/\(number)_more.sql", "-- risk: safe\n")
            let lacking = await #expect(throws: DeployError.self) { try await verify(database) }
            #expect(lacking?.message.contains("\(number)_more") == true)
            try await database.migrator().run()
            #expect(try await verify(database) == .current)
        }
    }

    @Test func `takes a database that newer files have been deployed to`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            let clock = try database.read("functions/core/clock.sql")
            try database.write("functions/core/clock.sql", clock + "\n-- a comment more\n")
            try await database.migrator().run()
            try database.write("functions/core/clock.sql", clock)
            guard case .usable = try await verify(database) else {
                Issue.record("it should be usable")
                return
            }
        }
    }

    @Test func `and a deploy refuse a schema core that is not whole or not ours`() async throws {
        try await DeployDatabase.with { database in
            try await database.execute("create schema core")
            let foreign = await #expect(throws: DeployError.self) { try await database.migrator().plan() }
            #expect(foreign?.code == .mismatch)
            try await database.execute("drop schema core")
            try await database.migrator().run()
            try await database.execute("delete from core.migration")
            let half = await #expect(throws: DeployError.self) { try await database.migrator().run() }
            #expect(half?.code == .mismatch)
            let error = await #expect(throws: DeployError.self) { try await verify(database) }
            #expect(error?.code == .behind)
        }
    }
}
