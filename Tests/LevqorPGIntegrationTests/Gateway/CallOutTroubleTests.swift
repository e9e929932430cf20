import Foundation
import Testing

@testable import LevqorPG

@Suite("Calls to the outside in trouble", .timeLimit(.minutes(3)))
struct CallOutTroubleTests {
    @Test(
        "A failure reaches the continuation, which decides",
        arguments: [("timeout", 504), ("connect", 502), ("address_refused", 502), ("rejected", 502)])
    func failure(kind: String, status: Int) async throws {
        let receiver = try HookReceiver(statuses: [409], isHeld: kind == "timeout")
        try await CallOutRoutes.with(receiver, kind == "address_refused" ? [:] : CallOutRoutes.loopback) {
            database, server, key in
            // Port 1 answers nobody.
            let port = kind == "connect" ? 1 : receiver.port
            let response = try await server.client.post(
                "/t/ask", key: key, CallOutRoutes.body(port, kind == "timeout" ? #", "timeout_ms": 100"# : ""))
            #expect(response.status == status, "\(response.text)")
            #expect(receiver.hooks.count == (["timeout", "rejected"].contains(kind) ? 1 : 0))
            #expect(
                try await database.text(
                    "select coalesce(outcome ->> 'kind', 'rejected') from api.asked where half = 'second'")
                    == kind)
            #expect(try await server.figure("levqor_call_outs_in_flight") == 0)
        }
    }

    @Test("When the client leaves, the outside is still waited for and the continuation runs")
    func leaves() async throws {
        let receiver = try HookReceiver(statuses: [200], answer: "kept", isHeld: true)
        try await CallOutRoutes.with(receiver) { database, server, key in
            let socket = try server.client.begin("POST", "/t/ask", key: key, CallOutRoutes.body(receiver.port))
            try await eventually("the outside is asked") { receiver.hooks.count == 1 }
            socket.hangUp()
            // Another one's way through the server: the hang-up has been read by then or soon after.
            #expect(try await server.client.get("/t/hello").status == 200)
            receiver.letGo()
            try await database.until(
                "select exists (select from api.asked where half = 'second' and outcome ->> 'body' = 'kept')")
        }
    }

    @Test(
        "A key that is revoked, and a route that is switched off, while the outside is asked keep nothing from being recorded"
    )
    func revoked() async throws {
        let receiver = try HookReceiver(statuses: [200], isHeld: true)
        try await CallOutRoutes.with(receiver) { database, server, key in
            let socket = try server.client.begin("POST", "/t/ask", key: key, CallOutRoutes.body(receiver.port))
            try await eventually("the outside is asked") { receiver.hooks.count == 1 }
            try await database.run("update keys.api_key set revoked_at = now()")
            try await database.run("update http.route set is_enabled = false where path = '/t/ask'")
            receiver.letGo()
            #expect(try await socket.response().status == 200)
            #expect(
                try await database.text(
                    "select count(distinct (account, key)) from api.asked where account is not null") == "1")
            // And no further.
            #expect(
                [401, 404].contains(
                    try await server.client.post("/t/ask", key: key, CallOutRoutes.body(receiver.port)).status))
        }
    }

    @Test("A continuation that does not exist is an error before anything is sent or kept")
    func missing() async throws {
        let receiver = try HookReceiver(statuses: [200])
        try await CallOutRoutes.with(receiver) { database, server, key in
            for name in ["api.t_missing", "api.t_ask", "core.now", "api.t_asked; select 1"] {
                let response = try await server.client.post(
                    "/t/ask", key: key, CallOutRoutes.body(receiver.port, #", "continue": "\#(name)""#))
                #expect(response.status == 500)
                #expect(!response.text.contains("t_missing"))
            }
            #expect(receiver.connections == 0)
            #expect(try await database.text("select count(*) from api.asked") == "0")
        }
    }

    @Test("A continuation waits for a database that is away, without the client's help")
    func away() async throws {
        let receiver = try HookReceiver(statuses: [200], isHeld: true)
        try await CallOutRoutes.with(receiver) { database, server, key in
            let socket = try server.client.begin("POST", "/t/ask", key: key, CallOutRoutes.body(receiver.port))
            try await eventually("the outside is asked") { receiver.hooks.count == 1 }
            try await Self.allow(false, in: database)
            receiver.letGo()
            // The page of figures asks the database too, and waits for it longer than a call is kept in its lane: by then the
            // continuation has been told that there is no database.
            _ = try await server.figure("levqor_call_outs_in_flight")
            try await Self.allow(true, in: database)
            let response = try await socket.response()
            #expect(response.status == 200, "\(response.text)")
            #expect(try await database.text("select count(*) from api.asked") == "2")
        }
    }

    /// Lets sessions into a database, or lets none in and ends those that are there.
    private static func allow(_ isAllowed: Bool, in database: TestDatabase) async throws {
        let connection = try await PostgresConnection.connect(
            PostgresConfiguration(try PostgresTestDatabase.url()), logger: TestDatabase.logger)
        try await connection.query("alter database \(database.name) allow_connections \(isAllowed)")
        if !isAllowed {
            try await connection.query(
                "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = $1",
                [.text(database.name)])
        }
        await connection.close()
    }

    @Test("A server that stops tells the continuation so, and the client gets its answer")
    func stops() async throws {
        let receiver = try HookReceiver(statuses: [200], isHeld: true)
        try await CallOutRoutes.with(receiver) { database, server, key in
            let socket = try server.client.begin("POST", "/t/ask", key: key, CallOutRoutes.body(receiver.port))
            try await eventually("the outside is asked") { receiver.hooks.count == 1 }
            await server.beginStop()
            #expect(try await socket.response().status == 503)
            #expect(
                try await database.text("select outcome ->> 'kind' from api.asked where half = 'second'") == "shutdown")
        }
    }
}
