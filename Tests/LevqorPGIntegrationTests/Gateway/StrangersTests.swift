import Testing

@testable import LevqorPG

@Suite("Strangers in one batch", .timeLimit(.minutes(3)))
struct StrangersTests {
    private static let pending = #"levqor_lane_pending_calls{lane="gathered"}"#

    /// Holds the only connection, lets the requests gather behind it, and then lets them go.
    private static func gathered(
        _ database: TestDatabase, _ server: TestServer, key: String, count: Int,
        _ request: @escaping @Sendable (Int) async throws -> TestResponse
    ) async throws -> [(number: Int, response: TestResponse)] {
        let gate = PostgresTestDatabase.uniqueName()
        let busy = try server.client.begin("POST", "/t/busy", key: key, #"{"gate": "\#(gate)"}"#)
        try await database.until(
            "select exists (select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep' "
                + "and application_name = 'levqor-server-gather')"
        )
        return try await withThrowingTaskGroup(of: (Int, TestResponse).self) { group in
            for number in 0..<count { group.addTask { (number, try await request(number)) } }
            try await server.until(Self.pending, is: Double(count))
            try await database.run("insert into api.gate values ($1)", [.text(gate)])
            #expect(try await busy.response().status == 200)
            var answers: [(Int, TestResponse)] = []
            for try await answer in group { answers.append(answer) }
            return answers
        }
    }

    @Test("Of a hundred and twenty gathered calls of two accounts and of nobody, each gets its own answer")
    func ownAnswers() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let accounts = [try await database.account("first"), try await database.account("second")]
            let keys = [try await database.key(accounts[0]), try await database.key(accounts[1])]
            let dead = try await database.key(accounts[0], scopes: [])
            try await database.run("delete from keys.api_key where scopes = '{}'")
            try await TestServer.with(database, ["LEVQOR_CONNECTIONS": "1", "LEVQOR_TRUSTED_PROXIES": "127.0.0.1"]) {
                server in
                let client = server.client
                let before = try await server.figure("levqor_batches_total")
                let answers = try await Self.gathered(database, server, key: keys[0], count: 120) { number in
                    let headers = [
                        ("X-Forwarded-For", "198.51.100.\(number)"), ("X-Request-Id", "request-\(number)-x"),
                    ]
                    switch number % 4 {
                    case 0, 2: return try await client.get("/t/echo?n=\(number)", key: keys[number % 4 / 2], headers)
                    case 1:
                        return try await client.post(
                            "/t/store", key: keys[number % 8 / 4], #"{"n": \#(number)}"#, headers)
                    default:
                        return number % 8 == 3
                            ? try await client.get("/t/echo?n=\(number)", key: dead, headers)
                            : try await client.get("/t/hello?name=\(number)", key: nil, headers)
                    }
                }
                // They did go together, or this proves nothing.
                #expect(try await server.figure("levqor_batches_total") - before <= 8)
                for (number, response) in answers {
                    #expect(response.header("x-request-id") == "request-\(number)-x")
                    switch number % 4 {
                    case 0, 2:
                        #expect(response.status == 200)
                        #expect(response.json["account"]?.string == accounts[number % 4 / 2])
                        #expect(response.json["square"].map(JSONText.string) == "\(number * number)")
                        #expect(response.json["address"]?.string?.hasPrefix("198.51.100.\(number)") == true)
                        #expect(response.json["request"]?.string == "request-\(number)-x")
                        #expect(["", nil].contains(response.json["leftover"]?.string))
                    case 1:
                        #expect(response.status == 200)
                        #expect(response.json["account"]?.string == accounts[number % 8 / 4])
                        #expect(response.json["stored"].map(JSONText.string) == "\(number)")
                    default:
                        #expect(response.status == (number % 8 == 3 ? 401 : 200))
                        #expect(response.json["hello"]?.string == (number % 8 == 3 ? nil : "\(number)"))
                        #expect(response.json["account"] == nil)
                    }
                }
                #expect(
                    try await database.text(
                        "select count(*) from api.number where account = case n % 8 / 4 when 0 then $1::uuid else $2::uuid end",
                        [.text(accounts[0]), .text(accounts[1])]) == "30"
                )
            }
        }
    }

    @Test("One call's error, or one's broken argument, leaves its neighbours alone")
    func errors() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database, ["LEVQOR_CONNECTIONS": "1"]) { server in
                let client = server.client
                let answers = try await Self.gathered(database, server, key: key, count: 40) { number in
                    switch number % 4 {
                    case 0: try await client.post("/t/store", key: key, #"{"n": \#(number)}"#)
                    case 1: try await client.post("/t/store", key: key, #"{"n": "no number"}"#)
                    case 2: try await client.post("/t/store", key: key, #"{"n": 7, "unknown": 1}"#)
                    default: try await client.post("/t/store", key: key, #"{"n": 1000000}"#)
                    }
                }
                var same: [Int] = []
                for (number, response) in answers {
                    switch number % 4 {
                    case 0: #expect(response.status == 200)
                    case 1, 2: #expect(response.status == 422)
                    default: same.append(response.status)
                    }
                }
                // Ten want one number: one gets it.
                #expect(same.filter { $0 == 200 }.count == 1)
                #expect(same.filter { $0 == 409 }.count == 9)
                #expect(try await database.text("select count(*) from api.number") == "11")
            }
        }
    }

    @Test("A call that meets a lock is sent again alone, and the others are answered meanwhile")
    func lock() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database, ["LEVQOR_CONNECTIONS": "1"]) { server in
                let client = server.client
                let holder = try await database.connect()
                try await holder.script("begin; update api.thing set value = 'held' where id = 1")
                let open = Task {
                    // The neighbours are stored although the lock is still held.
                    try await database.until("select count(*) = 15 from api.number")
                    try await database.until(
                        "select exists (select from pg_stat_activity where datname = current_database() "
                            + "and wait_event_type = 'Lock' and application_name = 'levqor-server-alone')"
                    )
                    try await holder.script("commit")
                }
                let answers = try await Self.gathered(database, server, key: key, count: 16) { number in
                    if number == 5 {
                        return try await client.post("/t/touch", key: key, #"{"id": 1, "value": "mine"}"#)
                    }
                    return try await client.post("/t/store", key: key, #"{"n": \#(number)}"#)
                }
                try await open.value
                for (number, response) in answers { #expect(response.status == 200, "\(number) \(response.text)") }
                #expect(try await database.text("select value from api.thing where id = 1") == "mine")
                await holder.close()
            }
        }
    }

    @Test("A lock that is never let go is answered 503")
    func lockForEver() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                let holder = try await database.connect()
                try await holder.script("begin; update api.thing set value = 'held' where id = 1")
                let response = try await server.client.post("/t/touch", key: key, #"{"id": 1, "value": "mine"}"#)
                #expect(response.status == 503)
                #expect(response.header("retry-after") != nil)
                try await holder.script("rollback")
                await holder.close()
                #expect(try await database.text("select value from api.thing where id = 1") == "")
            }
        }
    }
}
