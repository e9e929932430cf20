import Foundation
import Testing

@testable import LevqorPG

@Suite("Pruning", .enabled(if: DeployDatabase.serverURL != nil))
struct PruneTests {
    private static let path = "functions/core/extra.sql"
    private static let text = """
        create or replace function core.extra(p_one integer, p_two text[]) returns integer
        language sql stable as 'select 1';
        create or replace function api.extra() returns http.response
        language sql stable as 'select null::http.response';
        create or replace view core.extra_view as select core.extra(1, '{}') as one;
        create or replace function core.extra_trigger() returns trigger language plpgsql as 'begin return new; end';
        create or replace trigger setting_has_extra before insert on core.setting
        for each row execute function core.extra_trigger();
        select core.seed('core.setting', '{name}', '{"name": "core.extra", "value": 1, "description": "integer: of a test"}');
        select http.register_route('GET', '/api/v1/extra', 'api.extra');

        """

    /// A database with a file more, whose objects are told by `there`.
    private func with(_ body: (DeployDatabase) async throws -> Void) async throws {
        try await DeployDatabase.with { database in
            try database.addFunctions(Self.path, Self.text)
            try await database.migrator().run()
            #expect(try await there(database) == "7")
            try await body(database)
        }
    }

    private func there(_ database: DeployDatabase) async throws -> String? {
        try await database.ask(
            """
            select (select count(*) from pg_proc where proname in ('extra', 'extra_trigger'))
                + (select count(*) from pg_class where relname = 'extra_view')
                + (select count(*) from pg_trigger where tgname = 'setting_has_extra')
                + (select count(*) from core.setting where name = 'core.extra')
                + (select count(*) from http.route where path = '/api/v1/extra')
            """
        )
    }

    @Test func `removes what a file made that has left, and not before it is asked to`() async throws {
        try await with { database in
            try database.removeFunctions(Self.path)
            let kept = try await database.migrator().run()
            #expect(kept.orphans.count == 7)
            #expect(try await there(database) == "7")
            // It is still known the next time.
            #expect(try await database.migrator().plan().orphans.count == 7)

            let pruned = try await database.migrator().run(prune: true)
            #expect(pruned.pruned.count == 7)
            #expect(pruned.orphans.isEmpty)
            #expect(try await there(database) == "0")
            #expect(
                try await database.ask("select count(*) from core.deployed_file where path = '\(Self.path)'") == "0")
            #expect(try await !database.migrator().run(prune: true).changedSomething)
        }
    }

    @Test func `removes what a file made earlier and no more`() async throws {
        try await with { database in
            try database.write(
                Self.path,
                "create or replace function core.extra(p_one integer) returns integer language sql stable as 'select 1';\n"
            )
            try await database.migrator().run()
            // Another change in between must not forget it.
            try database.append(Self.path, "-- a comment more\n")
            let report = try await database.migrator().run()
            #expect(report.orphans.contains("function core.extra(integer,pg_catalog.text[])"))
            let pruned = try await database.migrator().run(prune: true)
            #expect(pruned.pruned.count == 7)
            #expect(try await there(database) == "1")
        }
    }

    @Test func `keeps what another file makes now`() async throws {
        try await with { database in
            try database.removeFunctions(Self.path)
            try database.addFunctions("functions/core/moved.sql", Self.text)
            let report = try await database.migrator().run(prune: true)
            #expect(report.pruned.isEmpty)
            #expect(try await there(database) == "7")
            #expect(try await database.migrator().plan().orphans.isEmpty)
        }
    }

    @Test func `never touches what no deploy made`() async throws {
        try await with { database in
            try await database.execute("create function core.mine() returns integer language sql as 'select 1'")
            try await database.execute("update core.setting set origin = 'local' where name = 'core.extra'")
            try database.removeFunctions(Self.path)
            try await database.migrator().run(prune: true)
            #expect(try await database.ask("select core.mine()") == "1")
            #expect(try await there(database) == "1")
        }
    }

    @Test func `leaves what something else still needs, and says so`() async throws {
        try await with { database in
            try await database.execute("create view public.mine as select * from core.extra_view")
            try database.removeFunctions(Self.path)
            let report = try await database.migrator().run(prune: true)
            #expect(report.orphans == ["view core.extra_view", "function core.extra(integer,pg_catalog.text[])"])
            try await database.execute("drop view public.mine")
            #expect(try await database.migrator().run(prune: true).pruned == report.orphans)
            #expect(try await there(database) == "0")
        }
    }
}
