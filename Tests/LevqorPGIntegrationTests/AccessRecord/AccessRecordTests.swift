import Testing

@testable import LevqorPG

@Suite("The access record, as the server writes it", .timeLimit(.minutes(3)))
struct AccessRecordTests {
    @Test("Every request leaves one row, also a refused one, also the last ones before the end; health leaves none")
    func kinds() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await AccessCapture.install(database)
            let account = try await database.account("recorded")
            let key = try await database.key(account)
            let keyID = try #require(
                try await database.text("select id from keys.api_key where account_id = $1::uuid", [.text(account)]))
            try await TestServer.with(database) { server in
                let client = server.client
                func id(_ name: String) -> (String, String) { ("X-Request-Id", "record-\(name)") }
                _ = try await client.get("/t/echo?n=3", key: key, [id("fine")])
                _ = try await client.post("/t/touch", key: key, #"{"id": 1, "value": "x"}"#, [id("posted")])
                _ = try await client.send("HEAD", "/t/hello", [id("head")])
                _ = try await client.get("/nowhere?secret=1", [id("unmatched")])
                _ = try await client.post("/t/touch", key: "lvk_live_mistyped", "{}", [id("mistyped")])
                _ = try await client.post("/t/touch", key: key, "{", [id("broken")])
                _ = try await client.send("OPTIONS", "/t/touch", [id("options")])
                for path in ["/health", "/ready"] { _ = try await client.get(path, [id("health")]) }
            }
            let rows = try await database.run(
                """
                select substring(request_id from 8), route, status, account_id, key_id, bytes_in, bytes_out,
                    micros between 1 and 60000000, octet_length(address_hash), now() - at < interval '1 minute', dropped
                from access.captured
                """
            )
            let found = Dictionary(uniqueKeysWithValues: rows.map { ($0.string(0) ?? "?", $0) })
            #expect(
                Set(found.keys) == ["fine", "posted", "head", "unmatched", "mistyped", "broken", "options"])
            func check(_ name: String, _ route: String, _ status: Int, isKnown: Bool, bytesIn: Int) throws {
                let row = try #require(found["\(name)"])
                #expect(row.string(1) == route, "\(name)")
                #expect(row.int(2) == status, "\(name)")
                #expect(row.string(3) == (isKnown ? account : nil), "\(name)")
                #expect(row.string(4) == (isKnown ? keyID : nil), "\(name)")
                #expect(row.int(5) == bytesIn, "\(name)")
                #expect(((row.int(6) ?? 0) > 0) == !["head", "options"].contains(name), "\(name)")
                #expect(row.bool(7) == true, "\(name)")
                #expect(row.int(8) == 16, "\(name)")
                #expect(row.bool(9) == true, "\(name)")
                #expect(row.int(10) == 0, "\(name)")
            }
            try check("fine", "GET /t/echo", 200, isKnown: true, bytesIn: 0)
            try check("posted", "POST /t/touch", 200, isKnown: true, bytesIn: 23)
            try check("head", "GET /t/hello", 200, isKnown: false, bytesIn: 0)
            try check("unmatched", "none", 404, isKnown: false, bytesIn: 0)
            try check("mistyped", "POST /t/touch", 401, isKnown: false, bytesIn: 2)
            try check("broken", "POST /t/touch", 400, isKnown: false, bytesIn: 1)
            try check("options", "none", 204, isKnown: false, bytesIn: 0)
        }
    }

    @Test("Requests at once, then the end: no row is missing, none is there twice")
    func many() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await AccessCapture.install(database)
            try await TestServer.with(database) { server in
                let client = server.client
                await withTaskGroup(of: Void.self) { group in
                    for number in 0..<400 {
                        group.addTask {
                            _ = try? await client.get("/t/hello", [("X-Request-Id", "many-\(number + 1000)")])
                        }
                    }
                }
            }
            #expect(
                try await database.text("select count(*) || ' ' || count(distinct request_id) from access.captured")
                    == "400 400")
        }
    }

    @Test("While the database refuses the record, or closes its session, requests go on and no row is lost")
    func retried() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await AccessCapture.install(database)
            try await TestServer.with(database) { server in
                try await AccessCapture.trouble(database, "55000")
                for number in 0..<5 {
                    let response = try await server.client.get("/t/hello", [("X-Request-Id", "refused-\(number)")])
                    #expect(response.status == 200)
                }
                try await server.until("levqor_access_rows_waiting", is: 5)
                #expect(try await server.figure("levqor_access_rows_written_total") == 0)
                try await AccessCapture.trouble(database, nil)
                try await server.until("levqor_access_rows_written_total", is: 5)
                try await database.run(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                        + "where datname = current_database() and application_name = 'levqor-server-access'"
                )
                _ = try await server.client.get("/t/hello", [("X-Request-Id", "cut-off-1")])
                try await server.until("levqor_access_rows_written_total", is: 6)
                #expect(try await server.figure("levqor_access_rows_dropped_total") == 0)
            }
            #expect(
                try await database.text("select count(*) || ' ' || sum(dropped) from access.captured") == "6 0")
        }
    }

    @Test("A flush whose session breaks under it is not sent again: its rows count as lost, once")
    func brokenUnder() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await AccessCapture.install(database)
            try await TestServer.with(database) { server in
                try await AccessCapture.trouble(database, "hangs")
                _ = try await server.client.get("/t/hello", [("X-Request-Id", "broken-1")])
                let session =
                    "from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep' "
                    + "and application_name = 'levqor-server-access'"
                try await database.until("select exists (select \(session))")
                try await AccessCapture.trouble(database, nil)
                try await database.run("select pg_terminate_backend(pid, 5000) \(session)")
                try await server.until("levqor_access_rows_dropped_total", is: 1)
                _ = try await server.client.get("/t/hello", [("X-Request-Id", "sound-01")])
                try await server.until("levqor_access_rows_written_total", is: 1)
            }
            let kept = "select string_agg(request_id, ',') || ' ' || sum(dropped) from access.captured"
            #expect(try await database.text(kept) == "sound-01 1")
        }
    }

    @Test("Rows that the database cannot take are given up after a while, and that they are lost is told")
    func givenUp() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await AccessCapture.install(database)
            try await TestServer.with(database) { server in
                try await AccessCapture.trouble(database, "22P02")
                _ = try await server.client.get("/t/hello", [("X-Request-Id", "poison-1")])
                try await server.until("levqor_access_rows_dropped_total", is: 1)
                try await AccessCapture.trouble(database, nil)
                _ = try await server.client.get("/t/hello", [("X-Request-Id", "sound-01")])
                try await server.until("levqor_access_rows_written_total", is: 1)
            }
            #expect(try await database.text("select sum(dropped) from access.captured") == "1")
            #expect(
                try await database.text("select string_agg(request_id, ',') from access.captured") == "sound-01")
        }
    }

    @Test("The database takes the record as it is: rows, a key's last use, refusals from memory")
    func real() async throws {
        try await TestDatabase.with { database in
            let key = try await database.key()
            try await database.run("update limits.policy set burst = 1 where name = 'write-address'")
            try await TestServer.with(database) { server in
                for _ in 0..<4 {
                    _ = try await server.client.post("/api/v1/intake", key: key, #"{"workflow": "w", "payload": {}}"#)
                }
                _ = try await server.client.get("/nowhere")
                try await server.until("levqor_access_rows_written_total", is: 5)
                #expect(try await server.figure("levqor_refusals_from_memory_total") == 2)
            }
            #expect(
                try await database.text(
                    "select string_agg(route || ' ' || status, ', ' order by at) from access.request")
                    == "POST /api/v1/intake 202, POST /api/v1/intake 429, POST /api/v1/intake 429, "
                    + "POST /api/v1/intake 429, none 404")
            #expect(try await database.text("select sum(refused) from limits.refusal") == "3")
            #expect(try await database.text("select last_used_at is not null from keys.api_key limit 1") == "t")
        }
    }

    @Test("What SQL says of the decision is passed on as it is, and so are the two headers")
    func decision() async throws {
        try await TestDatabase.with { database in
            try await AccessCapture.install(database)
            let key = try await database.key()
            try await database.run("update limits.policy set burst = 1 where name = 'write-address'")
            try await TestServer.with(database) { server in
                let job = #"{"workflow": "w", "payload": {}}"#
                for name in ["admitted", "refused-1", "remembered"] {
                    let response = try await server.client.post(
                        "/api/v1/intake", key: key, job, [("X-Request-Id", name)])
                    #expect(response.status == (name == "admitted" ? 202 : 429))
                }
                #expect(try await server.figure("levqor_refusals_from_memory_total") == 1)
            }
            let rows = try await database.run(
                """
                select rate_limit like '"write-address";r=0;t=%', rate_limit_policy like '"write-address";q=20;w=60%',
                    coalesce(decision @> '{"violated": [{"policy": "write-address"}]}', false),
                    coalesce(decision -> 'flags' ? 'memory', false)
                from access.captured order by at
                """
            )
            #expect(rows.map { $0.bool(0) } == [true, true, true])
            #expect(rows.map { $0.bool(1) } == [true, true, true])
            #expect(rows.map { $0.bool(2) } == [false, true, true])
            #expect(rows.map { $0.bool(3) } == [false, false, true])
        }
    }
}
