import Foundation
import Testing

@testable import LevqorPG

@Suite("When the database goes away", .timeLimit(.minutes(5)))
struct OutageTests {
    private static func terminateAll(_ database: TestDatabase) async throws {
        try await database.run(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                + "where datname = current_database() and application_name like 'levqor-server%'"
        )
    }

    /// Waits until a statement of a lane sleeps; gives its process.
    private static func sleeping(_ database: TestDatabase) async throws -> String {
        let sql =
            " from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep' "
            + "and application_name = 'levqor-server-alone'"
        try await database.until("select exists (select\(sql))")
        return try #require(try await database.text("select pid\(sql)"))
    }

    @Test("A POST whose connection is killed in the middle has an unknown outcome")
    func unknown() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                let socket = try server.client.begin("POST", "/t/busy-alone", key: key, #"{"gate": "never"}"#)
                let pid = try await Self.sleeping(database)
                try await database.run("select pg_terminate_backend($1::int)", [.text(pid)])
                let response = try await socket.response()
                #expect(response.status == 503)
                #expect(response.code == "outcome-unknown")
                #expect(response.header("retry-after") != nil)
                #expect(try await server.client.post("/t/touch", key: key, #"{"id": 1, "value": "x"}"#).status == 200)
            }
        }
    }

    @Test("A GET whose connection is killed in the middle is sent again")
    func again() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                let socket = try server.client.begin("GET", "/t/peek?gate=open", key: key)
                let pid = try await Self.sleeping(database)
                try await database.run("insert into api.gate values ('open')")
                try await database.run("select pg_terminate_backend($1::int)", [.text(pid)])
                let response = try await socket.response()
                #expect(response.status == 200)
                #expect(response.text == #"{"peek": "open"}"#)
            }
        }
    }

    @Test("A POST with an Idempotency-Key whose connection is killed in the middle is sent again")
    func keyed() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                let socket = try server.client.begin(
                    "POST", "/t/busy-alone", key: key, #"{"gate": "open"}"#, [("Idempotency-Key", "outage-1")])
                let pid = try await Self.sleeping(database)
                try await database.run("insert into api.gate values ('open')")
                try await database.run("select pg_terminate_backend($1::int)", [.text(pid)])
                #expect(try await socket.response().status == 200)
            }
        }
    }

    @Test("A call above its route's time is answered 503, and the next has its own time")
    func timeout() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                // More than there are connections, so that each has seen the short time.
                for _ in 0..<4 {
                    let response = try await server.client.send("POST", "/t/slow", key: key)
                    #expect(response.status == 503)
                    #expect(response.code != "outcome-unknown")
                }
                // 0.5 s at least, above the time of the slow route.
                let socket = try server.client.begin("POST", "/t/busy-alone", key: key, #"{"gate": "later"}"#)
                _ = try await Self.sleeping(database)
                try await database.run("select pg_sleep(0.5)")
                try await database.run("insert into api.gate values ('later')")
                #expect(try await socket.response().status == 200)
            }
        }
    }

    @Test("Sessions that were closed while they were idle cost no call anything")
    func idle() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                for round in 0..<5 {
                    #expect(try await server.client.post("/t/store", key: key, #"{"n": \#(round * 2)}"#).status == 200)
                    try await Self.terminateAll(database)
                    let response = try await server.client.post("/t/store", key: key, #"{"n": \#(round * 2 + 1)}"#)
                    #expect(response.status == 200, "\(response.text)")
                }
                #expect(try await database.text("select count(*) from api.number") == "10")
            }
        }
    }

    /// Requests at full speed while `trouble` happens; checks that no answer was wrong.
    private static func load(
        _ database: TestDatabase, _ server: TestServer, key: String, trouble: () async throws -> Void
    ) async throws {
        let client = server.client
        let isOver = Locked(false)
        let counter = Locked(0)
        let answers = Locked<[(n: Int, status: Int, code: String?)]>([])
        let workers = (0..<8).map { worker in
            Task {
                while !isOver.withLock({ $0 }) {
                    let n = counter.withLock { counter in
                        counter += 1
                        return counter
                    }
                    if worker % 2 == 0 {
                        let response = try await client.get("/t/echo?n=\(n)", key: key)
                        #expect([200, 503].contains(response.status), "\(response.status) \(response.text)")
                        if response.status == 200 {
                            #expect(response.json["square"].map(JSONText.string) == "\(n * n)")
                        }
                    } else {
                        let response = try await client.post("/t/store", key: key, #"{"n": \#(n)}"#)
                        #expect([200, 503].contains(response.status), "\(response.status) \(response.text)")
                        answers.withLock { $0.append((n, response.status, response.code)) }
                    }
                }
            }
        }
        do {
            try await trouble()
        } catch {
            isOver.withLock { $0 = true }
            throw error
        }
        isOver.withLock { $0 = true }
        for worker in workers { try await worker.value }
        try await eventually("it has recovered") { try await client.get("/t/echo", key: key).status == 200 }
        try await eventually("it is ready") { try await client.get("/ready").status == 200 }
        let stored = Set(try await database.run("select n from api.number").compactMap { $0.int(0) })
        let seen = answers.withLock { $0 }
        #expect(seen.contains { $0.status == 200 })
        for answer in seen {
            if answer.status == 200 { #expect(stored.contains(answer.n)) }
            // Only what is called unknown may have been done without a word of it.
            if answer.status == 503, answer.code != "outcome-unknown" {
                #expect(!stored.contains(answer.n), "\(answer)")
            }
        }
    }

    @Test("Sessions that are closed under load: every answer is right or 503")
    func terminated() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                try await Self.load(database, server, key: key) {
                    for _ in 0..<20 {
                        try await Self.terminateAll(database)
                        for _ in 0..<5 { try await database.run("select pg_sleep(0.02)") }
                    }
                }
            }
        }
    }

    @Test("A cluster that is killed and started again: every answer is right or 503, and the server recovers")
    func restarted() async throws {
        try await Sandbox.with { sandbox in
            let cluster = sandbox.cluster()
            let endpoint = try await cluster.start()
            let database = TestDatabase(name: "levqor", url: endpoint.connectionString)
            var root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            for _ in 0..<4 { root.deleteLastPathComponent() }
            let sql =
                ProcessInfo.processInfo.environment["LEVQOR_SQL_DIRECTORY"] ?? root.appendingPathComponent("sql").path
            _ = try await Migrator(
                databaseURL: database.url, sqlDirectory: sql, environment: nil, logger: TestDatabase.logger,
                tell: { _ in }
            ).run(prune: false)
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                try await Self.load(database, server, key: key) {
                    let postmaster = try #require(sandbox.postmaster)
                    // As the kernel's killer of processes would: nobody is told.
                    kill(postmaster, SIGKILL)
                    try await eventually("the answer is 503") {
                        try await server.client.get("/t/echo", key: key).status == 503
                    }
                    #expect(try await server.client.get("/ready").status == 503)
                    #expect(try await server.client.get("/health").status == 200)
                    try await eventually("it can be started again") { (try? await sandbox.cluster().start()) != nil }
                    try await eventually("it answers") {
                        try await server.client.get("/t/echo", key: key).status == 200
                    }
                }
            }
        }
    }
}
