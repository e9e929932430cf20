import Foundation
import Testing

@testable import LevqorPG

@Suite("The clock", .timeLimit(.minutes(3)))
struct ClockTests {
    /// A table that tells what was done in which slot, and tasks that write to it.
    private static let tasks = """
        create table schedule.done (slot timestamptz, step integer, process integer default pg_backend_pid());
        create function schedule.do_once() returns integer language plpgsql volatile
        set search_path = pg_catalog, pg_temp as $$
        begin
            insert into schedule.done values (schedule.current_slot(), 0);
            return 1;
        end;
        $$;
        -- Ten steps. In the sixth it stands still for as long as somebody holds the lock.
        create function schedule.do_in_steps(p_state jsonb) returns jsonb language plpgsql volatile
        set search_path = pg_catalog, pg_temp as $$
        declare
            v_step integer := coalesce(p_state::integer, 0);
        begin
            insert into schedule.done values (schedule.current_slot(), v_step);
            if v_step = 5 then
                perform pg_advisory_xact_lock_shared(4711);
            end if;
            return jsonb_build_object('more', v_step < 9, 'state', v_step + 1, 'rows', 1);
        end;
        $$;
        """

    @Test("Two servers on one database run each slot of a task once")
    func twoServers() async throws {
        try await TestDatabase.with { database in
            try await database.script(Self.tasks)
            try await database.run(
                """
                insert into schedule.task (name, function, every, description)
                values ('t-once', 'schedule.do_once', '1 second', 'a test')
                """)
            try await TestServer.with(database) { _ in
                try await TestServer.with(database) { _ in
                    try await database.until(
                        """
                        select count(distinct s.id) = 2 and (select count(*) from schedule.done) >= 4
                        from ops.server as s
                        """)
                }
            }
            let result = try await database.run(
                """
                select count(*) = count(distinct d.slot), count(*) = (
                    select count(*) from schedule.run as r where r.task = 't-once' and r.outcome = 'succeeded'
                )
                from schedule.done as d
                """)
            #expect(result.first?.bool(0) == true)
            #expect(result.first?.bool(1) == true)
        }
    }

    @Test("A run that kill -9 cuts off between steps goes on on another server, in its slot, and does no step twice")
    func killed() async throws {
        try await TestDatabase.with { database in
            try await database.script(Self.tasks)
            try await database.run(
                """
                insert into schedule.task (name, function, every, description)
                values ('t-steps', 'schedule.do_in_steps', '7 days', 'a test')
                """)
            let gate = try await database.connect("levqor-test-gate")
            try await gate.query("select pg_advisory_lock(4711)")
            try await ServerProcess.with(database) { server in
                try await database.until("select exists (select from pg_locks where objid = 4711 and not granted)")
                server.signal(SIGKILL)
                #expect(try await server.end() == -SIGKILL)
            }
            // PostgreSQL would end the statement that it is at. A machine that is gone takes it along.
            try await database.run("select pg_terminate_backend(pid) from pg_locks where objid = 4711 and not granted")
            try await database.until("select not exists (select from pg_locks where objid = 4711 and not granted)")
            let before = try await database.text(
                "select format('%s %s %s', count(*), max(d.step), (select r.steps from schedule.run as r where r.task = 't-steps')) from schedule.done as d"
            )
            #expect(before == "5 4 5")
            try await gate.query("select pg_advisory_unlock(4711)")
            await gate.close()
            try await TestServer.with(database) { _ in
                try await database.until(
                    "select exists (select from schedule.run as r where r.task = 't-steps' and r.outcome = 'succeeded')"
                )
            }
            let after = try await database.text(
                """
                select format('%s %s %s %s %s', string_agg(d.step::text, ',' order by d.step), count(distinct d.slot),
                    count(distinct d.process) >= 2, max(r.steps), max(r.touched))
                from schedule.done as d
                inner join schedule.run as r on r.task = 't-steps' and r.slot = d.slot
                """)
            #expect(after == "0,1,2,3,4,5,6,7,8,9 1 t 10 10")
        }
    }

    @Test("A task runs at once when it is asked for over HTTP, also while it is paused")
    func manual() async throws {
        try await TestDatabase.with { database in
            try await database.script(Self.tasks)
            try await database.run(
                """
                insert into schedule.task (name, function, cron, is_enabled, description)
                values ('t-once', 'schedule.do_once', '0 0 29 2 *', false, 'a test')
                """)
            try await TestServer.with(database) { server in
                let key = try await database.key()
                let answer = try await server.client.post("/api/admin/schedule/t-once/run", key: key, "")
                #expect(answer.status == 202)
                try await database.until(
                    "select exists (select from schedule.run as r where r.task = 't-once' and r.outcome = 'succeeded')")
                let runs = try await server.client.get("/api/admin/schedule/t-once/runs", key: key)
                let run = try JSONParser.parse(runs.text)["runs"]?.array?.first
                #expect(run?["kind"]?.string == "manual")
                #expect(run?["requested_by"]?.string?.hasPrefix("key_") == true)
            }
        }
    }
}
