import Foundation
import Testing

@testable import LevqorPG

@Suite("A replay", .enabled(if: DeployDatabase.serverURL != nil))
struct ReplayTests {
    @Test func `is delayed by a lock of another session and not broken by it`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            // The file replaces a trigger on core.setting, which an open writer keeps from happening.
            try database.append("functions/core/seed.sql", "\n-- a comment more\n")
            let writer = try await database.connect()
            try await writer.query("begin")
            try await writer.query("update core.setting set description = description where name = 'core.environment'")
            let other = try await database.connect()
            let log = EventLog { event in
                guard case .lockedOut(_, let attempt) = event else { return false }
                // The traffic goes on beside the attempts.
                try await other.query(
                    "update core.setting set description = description where name <> 'core.environment'")
                guard attempt >= 3 else { return false }
                try await writer.query("commit")
                return true
            }
            let report = try await database.migrator(tell: log.handler).run()
            #expect(report.replayed == ["functions/core/seed.sql"])
            #expect(await log.failure == nil)
            let attempts = await log.events.filter { if case .lockedOut = $0 { true } else { false } }
            #expect(attempts.count >= 3)
            await writer.close()
            await other.close()
        }
    }

    @Test func `gives up after its attempts and names who is in the way`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            try database.append("functions/core/seed.sql", "\n-- a comment more\n")
            let writer = try await database.connect()
            try await writer.query("begin")
            try await writer.query("lock table core.setting in row exclusive mode")
            var timing = DeployDatabase.timing
            timing.functionAttempts = 2
            let migrator = try database.migrator(timing: timing)
            let error = await #expect(throws: DeployError.self) { try await migrator.run() }
            #expect(error?.code == .locked)
            #expect(error?.file == "functions/core/seed.sql")
            #expect(error?.detail?.contains("process \(writer.backendPID)") == true)
            await writer.close()
            #expect(try await database.migrator().run().replayed == ["functions/core/seed.sql"])
        }
    }

    @Test func `that fails shows file, line, statement and what to do`() async throws {
        try await DeployDatabase.with { database in
            try database.addFunctions(
                "functions/core/extra.sql",
                "create or replace function core.extra() returns integer language sql stable as 'select 1';\n"
            )
            try await database.migrator().run()
            try database.write(
                "functions/core/extra.sql",
                """
                -- A changed return type.
                create or replace function core.extra_too() returns integer language sql stable as 'select 1';
                create or replace function core.extra() returns text
                language sql stable as 'select 1::text';
                """
            )
            let error = await #expect(throws: DeployError.self) { try await database.migrator().run() }
            #expect(error?.file == "functions/core/extra.sql")
            #expect(error?.line == 3)
            #expect(error?.statement == "create or replace function core.extra() returns text")
            #expect(error?.sqlstate == "42P13")
            #expect(error?.advice.contains("DROP FUNCTION") == true)
            #expect(error?.advice.contains("migration") == true)
            let left = try await database.ask("select to_regproc('core.extra_too')::text")
            #expect(left == nil)
        }
    }

    @Test func `of a file with a mistake tells the line of the mistake`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            try database.addFunctions(
                "functions/core/extra.sql", "-- A comment\nselect 1;\n\nselect core.nothing_like_it();\n")
            let error = await #expect(throws: DeployError.self) { try await database.migrator().run() }
            #expect(error?.line == 4)
            #expect(error?.statement == "select core.nothing_like_it()")
            #expect(error?.sqlstate == "42883")
        }
    }

    @Test func `of a file that ends the transaction is refused`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            try database.addFunctions("functions/core/extra.sql", "select 1;\ncommit;\n")
            let error = await #expect(throws: DeployError.self) { try await database.migrator().run() }
            #expect(error?.code == .files)
            #expect(error?.line == 2)
        }
    }
}

@Suite("Two deploys at once", .enabled(if: DeployDatabase.serverURL != nil))
struct TwoDeploysTests {
    @Test func `wait for each other, and the second finds nothing to do`() async throws {
        try await DeployDatabase.with { database in
            let log = EventLog()
            let holder = try await database.connect()
            try await holder.query("select pg_advisory_lock($1::bigint)", [.int(DeploySession.lockKey)])
            let waiting = EventLog { event in
                guard case .waitingForOtherDeploy = event else { return false }
                try await holder.query("select pg_advisory_unlock($1::bigint)", [.int(DeploySession.lockKey)])
                return true
            }
            async let one = database.migrator(tell: waiting.handler).run()
            async let other = database.migrator(tell: log.handler).run()
            let reports = try await [one, other]
            #expect(reports.filter(\.isFresh).count == 1)
            #expect(reports.filter { !$0.changedSomething }.count == 1)
            #expect(await waiting.events.contains { if case .waitingForOtherDeploy = $0 { true } else { false } })
            await holder.close()
        }
    }

    @Test func `tell who holds the lock, and give up in the end`() async throws {
        try await DeployDatabase.with { database in
            let holder = try await database.connect()
            try await holder.query("select pg_advisory_lock($1::bigint)", [.int(DeploySession.lockKey)])
            var timing = DeployDatabase.timing
            timing.otherDeploy = .zero
            let log = EventLog()
            let migrator = try database.migrator(timing: timing, tell: log.handler)
            let error = await #expect(throws: DeployError.self) { try await migrator.run() }
            #expect(error?.code == .busy)
            #expect(await log.events == [.waitingForOtherDeploy(pid: Int(holder.backendPID))])
            await holder.close()
        }
    }
}
