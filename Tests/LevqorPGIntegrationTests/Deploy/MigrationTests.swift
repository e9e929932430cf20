import Foundation
import Testing

@testable import LevqorPG

@Suite("A migration", .enabled(if: DeployDatabase.serverURL != nil))
struct MigrationTests {
    @Test func `is taken once, in a transaction that records it`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            let number = try database.nextMigration()
            try database.write(
                "migrations/\(number)_add_note.sql",
                "-- risk: lock\nalter table core.setting add column note text;\n"
            )
            #expect(try await database.migrator().plan().description == "migration \(number)_add_note (risk: lock)")
            let report = try await database.migrator().run()
            #expect(report.migrations == ["\(number)_add_note"])
            #expect(report.replayed.isEmpty)
            let again = try await database.migrator().run()
            #expect(!again.changedSomething)
            let column =
                "select count(*) from pg_attribute where attrelid = 'core.setting'::regclass and attname = 'note'"
            #expect(try await database.ask(column) == "1")
        }
    }

    @Test func `that fails leaves nothing, and its error tells the place`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            let number = try database.nextMigration()
            let path = "migrations/\(number)_fail.sql"
            try database.write(
                path,
                """
                -- risk: safe
                create table core.half_done (id integer);

                -- The next one fails while it runs, so the server gives no position.
                insert into core.migration (number, name)
                values (1, 'twice');
                """
            )
            let log = EventLog()
            let error = await #expect(throws: DeployError.self) {
                try await database.migrator(tell: log.handler).run()
            }
            #expect(error?.code == .statement)
            #expect(error?.file == path)
            #expect(error?.line == 5)
            #expect(error?.statement == "insert into core.migration (number, name)")
            #expect(error?.sqlstate == "23505")
            #expect(error?.description.hasPrefix("sql/\(path):5: duplicate key") == true)
            #expect(await log.events.contains(.locating(path)))
            let left = try await database.ask("select to_regclass('core.half_done')::text")
            #expect(left == nil)
            #expect(try await database.migrator().plan().migrations.count == 1)
        }
    }

    @Test func `that was edited after it was taken is refused`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            try database.append("migrations/0001_baseline.sql", "select 1;\n")
            let error = await #expect(throws: DeployError.self) { try await database.migrator().run() }
            #expect(error?.code == .mismatch)
            #expect(error?.file == "migrations/0001_baseline.sql")
            #expect(error?.advice.contains("new migration") == true)
            #expect(try await database.ask("select 1") == "1")
        }
    }

    @Test func `that the schema files do not name is refused on a fresh database`() async throws {
        try await DeployDatabase.with { database in
            let number = try database.nextMigration()
            try database.write("migrations/\(number)_more.sql", "-- risk: safe\n")
            let error = await #expect(throws: DeployError.self) { try await database.migrator().run() }
            #expect(error?.code == .files)
            #expect(error?.message.contains("\(number)_more") == true)
            let left = try await database.ask("select count(*) from pg_namespace where nspname = 'core'")
            #expect(left == "0")
        }
    }

    @Test func `without a transaction is finished after an interruption, broken index and all`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            try await database.execute(
                "create table public.item (kind text); insert into public.item values ('a'), ('a')")
            try await database.execute(
                "alter table public.item owner to levqor_owner; grant create on schema public to levqor_owner")
            let number = try database.nextMigration()
            try database.write(
                "migrations/\(number)_index_items.sql",
                """
                -- risk: safe
                -- transaction: none
                create table if not exists core.item_note (id integer);
                create unique index concurrently if not exists item_kind_key on public.item (kind);
                """
            )
            let error = await #expect(throws: DeployError.self) { try await database.migrator().run() }
            #expect(error?.line == 4)
            let valid = "select indisvalid::text from pg_index where indexrelid = 'public.item_kind_key'::regclass"
            #expect(try await database.ask(valid) == "false")
            try await database.execute("delete from public.item")
            #expect(try await database.migrator().run().migrations == ["\(number)_index_items"])
            #expect(try await database.ask(valid) == "true")
        }
    }

    @Test func `of a breaking kind keeps older builds away`() async throws {
        try await DeployDatabase.with { database in
            let older = try DeployFiles.read(database.sql)
            try await database.migrator().run()
            let number = try database.nextMigration()
            let path = "migrations/\(number)_break.sql"
            try database.write(path, "-- risk: breaking\ncreate table core.broken (id integer);\n")
            try await database.migrator().run()
            let server = try await database.connect(["role": "levqor_server"])
            let refusal = await #expect(throws: DeployError.self) { try await Deployment.verify(server, files: older) }
            #expect(refusal?.code == .ahead)
            #expect(refusal?.advice.contains("newer server") == true)
            let newer = DeployRelease(version: "9.0.0", breakingLevel: older.breakingLevel + 1)
            #expect(
                try await Deployment.verify(server, files: DeployFiles.read(database.sql), release: newer) == .current)
            await server.close()

            try FileManager.default.removeItem(atPath: "\(database.sql)/\(path)")
            let error = await #expect(throws: DeployError.self) { try await database.migrator().run() }
            #expect(error?.code == .ahead)
        }
    }

    @Test(.timeLimit(.minutes(2))) func `killed while it waits for a lock is taken by the next deploy`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            let number = try database.nextMigration()
            try database.write(
                "migrations/\(number)_wait.sql",
                "-- risk: lock\ncreate table core.before_lock (id integer);\nset local lock_timeout = 0;\n"
                    + "alter table core.setting add column note text;\n"
            )
            let holder = try await database.connect()
            try await holder.query("begin")
            try await holder.query("lock table core.setting in access share mode")
            let deploy = Task { try await database.migrator().run() }
            let waiting = """
                select pid from pg_locks where relation = 'core.setting'::regclass and not granted
                    and database = (select oid from pg_database where datname = current_database())
                """
            var pid: Int?
            while pid == nil {
                pid = try await holder.query(waiting).first?.int(0)
                await Task.yield()
            }
            try await holder.query("select pg_terminate_backend($1)", [.int(pid)])
            let error = await #expect(throws: DeployError.self) { _ = try await deploy.value }
            #expect(error?.code == .connection)
            try await holder.query("rollback")
            await holder.close()
            let left = try await database.ask("select to_regclass('core.before_lock')::text")
            #expect(left == nil)
            #expect(try await database.migrator().run().migrations == ["\(number)_wait"])
            #expect(try await database.migrator().plan().isEmpty)
        }
    }

    @Test func `gives way to a session that holds the table, and is taken when that one ends`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            let number = try database.nextMigration()
            try database.write(
                "migrations/\(number)_wait.sql", "-- risk: lock\nalter table core.setting add column note text;\n"
            )
            let holder = try await database.connect()
            try await holder.query("begin")
            try await holder.query("lock table core.setting in access share mode")
            let log = EventLog { event in
                guard case .lockedOut(_, 2) = event else { return false }
                try await holder.query("rollback")
                return true
            }
            let report = try await database.migrator(tell: log.handler).run()
            #expect(report.migrations == ["\(number)_wait"])
            #expect(await log.events.contains(.lockedOut(step: "\(number)_wait", attempt: 1)))
            await holder.close()
        }
    }
}
