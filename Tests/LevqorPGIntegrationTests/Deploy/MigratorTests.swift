import Foundation
import Testing

@testable import LevqorPG

@Suite("A deploy", .enabled(if: DeployDatabase.serverURL != nil))
struct MigratorTests {
    @Test func `makes the same database as psql alone`() async throws {
        try await DeployDatabase.with { one in
            let report = try await one.migrator().run()
            #expect(report.isFresh)
            try await DeployDatabase.with { other in
                try other.installWithPsql()
                let dump = try one.dump()
                #expect(dump.contains("CREATE TABLE core.migration"))
                #expect(dump.contains("CREATE FUNCTION core.deployment_state()"))
                #expect(try dump == other.dump())

                let plan = try await other.migrator().plan()
                #expect(plan.replays.count == report.replayed.count)
                let second = try await other.migrator().run()
                #expect(second.replayed == report.replayed)
                #expect(try one.dump() == other.dump())
                let checked = "select bool_and(checksum is not null)::text from core.migration"
                #expect(try await other.ask(checked) == "true")
                let objects =
                    "select string_agg(path || ' ' || checksum || objects::text, '; ' order by path) from core.deployed_file"
                #expect(try await one.ask(objects) == other.ask(objects))
            }
        }
    }

    @Test func `run twice changes nothing the second time`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            let dump = try database.dump()
            let content = try await database.content()
            #expect(try await database.migrator().plan().isEmpty)
            let report = try await database.migrator().run(prune: true)
            #expect(!report.changedSomething)
            #expect(report.orphans.isEmpty)
            #expect(try database.dump() == dump)
            #expect(try await database.content() == content)
        }
    }

    @Test func `replaying every file changes nothing but the record`() async throws {
        try await DeployDatabase.with { database in
            let first = try await database.migrator().run()
            let dump = try database.dump()
            let routes = "select string_agg(r::text, ' ' order by r.id) from http.route as r"
            let before = try await database.ask(routes)
            try await database.execute("update core.deployed_file set checksum = 'another'")
            let second = try await database.migrator().run()
            #expect(second.replayed == first.replayed)
            #expect(second.orphans.isEmpty)
            #expect(try database.dump() == dump)
            #expect(try await database.ask(routes) == before)
        }
    }

    @Test func `replays a changed file alone`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            try database.append("functions/core/clock.sql", "\n-- a comment more\n")
            let plan = try await database.migrator().plan()
            #expect(plan.description == "replay functions/core/clock.sql (changed)")
            let report = try await database.migrator().run()
            #expect(report.replayed == ["functions/core/clock.sql"])
            #expect(report.migrations.isEmpty)
        }
    }

    @Test func `replays a file whose function somebody dropped`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            try await database.execute("drop function core.deployment_state()")
            let report = try await database.migrator().run()
            #expect(report.replayed == ["functions/core/deploy.sql"])
            #expect(
                try await database.ask("select to_regproc('core.deployment_state')::text") == "core.deployment_state")
        }
    }

    @Test func `keeps what an operator changed in a seeded row`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator().run()
            try await database.execute("update limits.policy set quota = 77, burst = 77")
            try await database.execute("update core.deployed_file set checksum = 'another'")
            #expect(try await !database.migrator().run().replayed.isEmpty)
            #expect(try await database.ask("select string_agg(distinct quota::text, ',') from limits.policy") == "77")
        }
    }

    @Test func `writes the environment as an operator would`() async throws {
        try await DeployDatabase.with { database in
            try await database.migrator(environment: "development").run()
            let setting = "select value #>> '{}' from core.setting where name = 'core.environment'"
            #expect(try await database.ask(setting) == "development")
            try await database.execute("update core.deployed_file set checksum = 'another'")
            try await database.migrator().run()
            #expect(try await database.ask(setting) == "development")
        }
    }

    @Test func `works for a login with CREATEROLE that is no superuser, again and again`() async throws {
        let login = "deployer_" + UUID().uuidString.lowercased().prefix(8)
        let server = try #require(DeployDatabase.serverURL)
        // The roles may be there, made by somebody else; from PostgreSQL 16 on their maker then has to share them.
        try await DeployDatabase.with { try await $0.migrator().run() }
        let attributes = "login createrole password '\(DeployDatabase.password)'"
        try await DeployDatabase.run("create role \(login) \(attributes)", at: server)
        try await DeployDatabase.run(
            """
            do $$ begin
                if current_setting('server_version_num')::integer >= 160000 then
                    grant levqor_owner, levqor_server to \(login);
                end if;
            end $$
            """, at: server
        )
        try await DeployDatabase.with(owner: login) { database in
            #expect(try await database.migrator(user: login).run().isFresh)
            #expect(try await !database.migrator(user: login).run().changedSomething)
            try database.append("functions/core/clock.sql", "\n-- a comment more\n")
            #expect(try await database.migrator(user: login).run().replayed == ["functions/core/clock.sql"])
            #expect(try await database.ask("select deployed_by from core.deployment") == login)
            try await DeployDatabase.with { other in
                try await other.migrator().run()
                try other.append("functions/core/clock.sql", "\n-- a comment more\n")
                try await other.migrator().run()
                // Who owns the database differs, and the right to create in it; nothing below does.
                #expect(try database.dump() == other.dump())
            }
        }
        try await DeployDatabase.run("drop owned by \(login)", at: server)
        try await DeployDatabase.run("drop role \(login)", at: server)
    }

    @Test func `of a login without rights says what is missing and leaves nothing behind`() async throws {
        let login = "nobody_" + UUID().uuidString.lowercased().prefix(8)
        let server = try #require(DeployDatabase.serverURL)
        try await DeployDatabase.run("create role \(login) login password '\(DeployDatabase.password)'", at: server)
        try await DeployDatabase.with { database in
            let error = await #expect(throws: DeployError.self) { try await database.migrator(user: login).run() }
            #expect(error?.code == .statement)
            #expect(error?.file == "schema/000_roles.sql")
            #expect(error?.sqlstate == "42501")
            #expect(error?.advice.contains("LEVQOR_DEPLOY_URL") == true)
            let left = try await database.ask("select count(*) from pg_namespace where nspname = 'core'")
            #expect(left == "0")
        }
        try await DeployDatabase.run("drop role \(login)", at: server)
    }
}
