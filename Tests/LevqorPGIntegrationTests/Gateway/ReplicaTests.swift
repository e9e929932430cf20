import Testing

@testable import LevqorPG

@Suite("Reads on a replica", .serialized, .timeLimit(.minutes(5)))
struct ReplicaTests {
    private static let connections = #"levqor_lane_connections{lane="replica"}"#
    private static let answers = "levqor_replica_answers_total"
    private static let returns = "levqor_replica_returns_total"

    /// `/t/where` tells where it runs and for whom; `/t/asleep` and `/t/slow-there` sleep on a standby only.
    private static let routes = """
        create function api.t_where() returns http.response language sql stable
        set search_path = pg_catalog, pg_temp as $$
            select http.json(200, jsonb_build_object(
                'standby', pg_is_in_recovery(), 'account', core.current_account(),
                'accounts', (select count(*) from identity.account),
                'value', (select t.value from api.thing as t where t.id = 1)))
        $$;
        create function api.t_asleep() returns http.response language plpgsql stable
        set search_path = pg_catalog, pg_temp as $$
        begin
            if pg_is_in_recovery() then perform pg_sleep(60); end if;
            return http.json(200, jsonb_build_object('standby', pg_is_in_recovery()));
        end $$;
        select http.register_route('GET', '/t/where', 'api.t_where', p_domain => 'test', p_limit_class => 'tried', p_is_metered => true);
        select http.register_route('GET', '/t/here', 'api.t_where', p_domain => 'test');
        select http.register_route('GET', '/t/asleep', 'api.t_asleep', p_domain => 'test', p_is_metered => true, p_lane => 'alone',
            p_timeout_ms => 50000);
        select http.register_route('GET', '/t/slow-there', 'api.t_asleep', p_domain => 'test', p_is_metered => true);
        update http.route set reads_replica = true where path in ('/t/where', '/t/asleep', '/t/slow-there');
        """

    private static func install(_ pair: StandbyPair) async throws {
        try await TestRoutes.install(pair.primary)
        try await pair.primary.script(routes)
        try await pair.catchUp()
    }

    private static func used(_ pair: StandbyPair, _ account: String) async throws -> String? {
        try await pair.primary.text(
            "select used from quota.usage where account_id = $1::uuid", [.text(account)])
    }

    private static func with(_ pair: StandbyPair, _ body: (TestServer) async throws -> Void) async throws {
        try await TestServer.with(pair.primary, ["LEVQOR_REPLICA_URL": pair.standby.url]) { server in
            try await server.until(connections, is: 2)
            try await body(server)
        }
    }

    @Test("The standby answers, for each caller his own, and the primary charges once")
    func reads() async throws {
        try await StandbyPair.with { pair in
            try await Self.install(pair)
            // The clock stands: nothing refills while the test runs.
            try await pair.primary.script(
                """
                insert into limits.policy (name, scope, route_class, quota, burst, window_seconds)
                values ('tried', 'key', 'tried', 60, 30, 60);
                select core.set_test_clock('2031-01-01 12:00:00+00');
                """)
            let accounts = [try await pair.primary.account("first"), try await pair.primary.account("second")]
            let keys = [
                try await pair.primary.key(accounts[0], scopes: []),
                try await pair.primary.key(accounts[1], scopes: []),
            ]
            let platform = try await pair.primary.key()
            try await pair.catchUp()
            try await Self.with(pair) { server in
                let client = server.client
                let first = try await client.get("/t/where", key: keys[0])
                #expect(first.status == 200, "\(first.text)")
                #expect(first.json["standby"]?.bool == true)
                #expect(first.json["account"]?.string == accounts[0])
                #expect(first.header("ratelimit")?.hasPrefix(#""tried";r=29;"#) == true)
                #expect(try await Self.used(pair, accounts[0]) == "1")
                #expect(try await client.get("/t/here", key: keys[0]).json["standby"]?.bool == false)

                try await withThrowingTaskGroup(of: (Int, TestResponse).self) { group in
                    for n in 0..<40 { group.addTask { (n, try await client.get("/t/where", key: keys[n % 2])) } }
                    for try await (n, response) in group {
                        #expect(response.json["standby"]?.bool == true, "\(response.text)")
                        #expect(response.json["account"]?.string == accounts[n % 2])
                        #expect(response.json["accounts"].map(JSONText.string) == "1")
                    }
                }
                #expect(try await Self.used(pair, accounts[0]) == "21")
                #expect(try await Self.used(pair, accounts[1]) == "20")

                let all = try await client.get("/t/where", key: platform)
                #expect(all.json["accounts"].map(JSONText.string) == "3")
                let shown = try #require(
                    try await pair.primary.text("select core.show_id('acct', $1::uuid)", [.text(accounts[1])]))
                let one = try await client.get("/t/where", key: platform, [("Levqor-Account", shown)])
                #expect(one.json["standby"]?.bool == true)
                #expect(one.json["account"]?.string == accounts[1])
                #expect(one.json["accounts"].map(JSONText.string) == "1")
                let foreign = try await client.get("/t/where", key: keys[0], [("Levqor-Account", shown)])
                #expect(foreign.status == 404)
                #expect(try await client.get("/t/where?x=1", key: platform).status == 422)

                // Nine are left of thirty.
                for _ in 0..<9 { #expect(try await client.get("/t/where", key: keys[0]).status == 200) }
                #expect(try await client.get("/t/where", key: keys[0]).status == 429)
                #expect(try await server.figure(Self.returns) == 0)
            }
            for (url, sentence) in [
                (pair.standby.url, "The replica is a standby, and lets the server in."),
                (pair.primary.url, "LEVQOR_REPLICA_URL leads to no standby: what it holds may be old for ever."),
            ] {
                let findings = await Checker(
                    variables: ["LEVQOR_REPLICA_URL": url], databaseURL: pair.primary.url, isEmbedded: false,
                    sqlDirectory: nil, logger: TestDatabase.logger
                ).run()
                #expect(findings.contains { $0.sentence == sentence }, "\(findings.lines)")
            }
        }
    }

    @Test("A standby that is behind shows what was, and what it does not know yet the primary answers")
    func behind() async throws {
        try await StandbyPair.with { pair in
            try await Self.install(pair)
            let key = try await pair.primary.key()
            try await pair.catchUp()
            try await Self.with(pair) { server in
                let client = server.client
                try await pair.standby.run("select pg_wal_replay_pause()")
                try await pair.standby.until("select pg_get_wal_replay_pause_state() = 'paused'")
                try await pair.primary.run("update api.thing set value = 'new' where id = 1")
                let old = try await client.get("/t/where", key: key)
                #expect(old.json["standby"]?.bool == true)
                #expect(old.json["value"]?.string == "")
                #expect(try await client.get("/t/here", key: key).json["value"]?.string == "new")

                try await pair.primary.script(
                    """
                    select http.register_route('GET', '/t/later', 'api.t_where', p_domain => 'test');
                    update http.route set reads_replica = true where path = '/t/later';
                    """)
                try await eventually("the route is known") {
                    try await client.get("/t/later", key: key).status == 200
                }
                let unknown = try await client.get("/t/later", key: key)
                #expect(unknown.json["standby"]?.bool == false)
                #expect(try await server.figure(Self.returns) > 0)

                try await pair.standby.run("select pg_wal_replay_resume()")
                try await pair.catchUp()
                #expect(try await client.get("/t/where", key: key).json["value"]?.string == "new")
                #expect(try await client.get("/t/later", key: key).json["standby"]?.bool == true)
            }
        }
    }

    @Test("A standby that breaks off, is slow, busy or away costs no reader an answer; once back it is used again")
    func away() async throws {
        try await StandbyPair.with { pair in
            try await Self.install(pair)
            let account = try await pair.primary.account("reader")
            let key = try await pair.primary.key(account, scopes: [])
            try await pair.catchUp()
            try await Self.with(pair) { server in
                let client = server.client
                #expect(try await client.get("/t/where", key: key).json["standby"]?.bool == true)

                let slow = try await client.get("/t/slow-there", key: key)
                #expect(slow.status == 200, "\(slow.text)")
                #expect(slow.json["standby"]?.bool == false)
                #expect(try await server.figure(Self.returns) == 1)

                // Both connections are taken: the next reader does not wait for them.
                let sleepers = try (0..<2).map { _ in try client.begin("GET", "/t/asleep", key: key) }
                try await pair.standby.until(
                    "select count(*) = 2 from pg_stat_activity where wait_event = 'PgSleep'")
                let queued = try await client.get("/t/where", key: key)
                #expect(queued.json["standby"]?.bool == false)
                #expect(queued.status == 200, "\(queued.text)")

                try await pair.stop()
                for sleeper in sleepers {
                    let response = try await sleeper.response()
                    #expect(response.status == 200, "\(response.text)")
                    #expect(response.json["standby"]?.bool == false)
                }
                #expect(try await server.figure(Self.returns) == 4)
                #expect(try await Self.used(pair, account) == "5")
                try await server.until(Self.connections, is: 0)
                for _ in 0..<5 {
                    let response = try await client.get("/t/where", key: key)
                    #expect(response.status == 200, "\(response.text)")
                    #expect(response.json["standby"]?.bool == false)
                }
                // Without a connection nothing is handed over.
                #expect(try await server.figure(Self.returns) == 4)
                #expect(try await Self.used(pair, account) == "10")
                #expect(try await client.get("/ready").status == 200)

                try await pair.start()
                try await server.until(Self.connections, is: 2)
                let before = try await server.figure(Self.answers)
                #expect(try await client.get("/t/where", key: key).json["standby"]?.bool == true)
                #expect(try await server.figure(Self.answers) == before + 1)
            }
        }
    }

    @Test("A replica that is nowhere stops no server from starting and answering")
    func nowhere() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await database.script(Self.routes)
            let key = try await database.key()
            let variables = ["LEVQOR_REPLICA_URL": "postgresql:///levqor?host=/nonexistent"]
            try await TestServer.with(database, variables) { server in
                let response = try await server.client.get("/t/where", key: key)
                #expect(response.status == 200)
                #expect(response.json["standby"]?.bool == false)
                #expect(try await server.figure(Self.connections) == 0)
            }
        }
    }
}
