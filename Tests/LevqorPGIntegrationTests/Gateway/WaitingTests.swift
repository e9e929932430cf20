import Testing

@testable import LevqorPG

@Suite("Waiting without a connection", .timeLimit(.minutes(3)))
struct WaitingTests {
    private static let parked = "levqor_parked_requests"

    /// Longer than a test may take, shorter than the first look without a hint would be, where that matters.
    private static func claim(_ worker: String, wait: Int = 60) -> String {
        #"{"worker": "\#(worker)", "workflows": ["w"], "wait_seconds": \#(wait)}"#
    }

    private static let job = #"{"workflow": "w", "payload": {"n": 1}}"#

    private static func jobs(_ response: TestResponse) -> Int { response.json["jobs"]?.array?.count ?? -1 }

    @Test("Fifty wait, others are still answered, and each job wakes one: from HTTP and from psql")
    func fifty() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let account = try await database.account("waits")
            let key = try await database.key(account, scopes: ["jobs:submit", "jobs:work"])
            try await TestServer.with(database, ["LEVQOR_CONNECTIONS": "4"]) { server in
                let sockets = try (0..<50).map {
                    try server.client.begin("POST", "/api/v1/worker/claim", key: key, Self.claim("\($0)"))
                }
                let answers = Locked<[TestResponse]>([])
                let readers = sockets.map { socket in
                    Task {
                        let response = try await socket.response()
                        answers.withLock { $0.append(response) }
                    }
                }
                try await server.until(Self.parked, is: 50)
                try await database.until(
                    "select not exists (select from pg_stat_activity where datname = current_database() and state <> 'idle' "
                        + "and application_name like 'levqor-server%')"
                )
                #expect(try await server.client.get("/t/hello").status == 200)
                #expect(try await server.client.post("/api/v1/intake", key: key, Self.job).status == 202)
                try await eventually("one is answered") { answers.withLock { $0.count } == 1 }
                try await server.until(Self.parked, is: 49)
                try await database.run("select jobs.submit_job($1::uuid, 'w', '{}')", [.text(account)])
                try await eventually("two are answered") { answers.withLock { $0.count } == 2 }
                try await server.until(Self.parked, is: 48)
                // Many at once wake as many.
                try await database.run(
                    "select jobs.submit_job($1::uuid, 'w', '{}') from generate_series(1, 10)", [.text(account)])
                try await eventually("twelve are answered") { answers.withLock { $0.count } == 12 }
                #expect(answers.withLock { $0 }.allSatisfy { $0.status == 200 && Self.jobs($0) == 1 })
                #expect(
                    try await database.text("select count(*) from jobs.job where status = 'running' and attempt = 1")
                        == "12")
                // The others are answered when the server stops.
                await server.beginStop()
                for reader in readers { try await reader.value }
                #expect(answers.withLock { $0 }.filter { $0.status == 204 }.count == 38)
            }
        }
    }

    @Test("A wait that nothing ends is answered with no work")
    func ends() async throws {
        try await TestDatabase.with { database in
            let key = try await database.key(scopes: ["jobs:work"])
            try await TestServer.with(database) { server in
                let response = try await server.client.post("/api/v1/worker/claim", key: key, Self.claim("w", wait: 1))
                #expect(response.status == 200)
                #expect(Self.jobs(response) == 0)
            }
        }
    }

    @Test("A job handed in at one server wakes a waiter at another")
    func twoServers() async throws {
        try await TestDatabase.with { database in
            let key = try await database.key(try await database.account("two"), scopes: ["jobs:submit", "jobs:work"])
            try await TestServer.with(database) { first in
                try await TestServer.with(database) { second in
                    try await second.until("levqor_listener_connected", is: 1)
                    // Shorter than the first look without a hint (8 s at least): only a hint can bring the job.
                    let socket = try second.client.begin(
                        "POST", "/api/v1/worker/claim", key: key, Self.claim("w", wait: 6))
                    try await second.until(Self.parked, is: 1)
                    #expect(try await first.client.post("/api/v1/intake", key: key, Self.job).status == 202)
                    let response = try await socket.response()
                    #expect(Self.jobs(response) == 1)
                }
            }
        }
    }

    @Test("A waiter whose client hung up gets no job: it goes to the next")
    func hangsUp() async throws {
        try await TestDatabase.with { database in
            let key = try await database.key(
                try await database.account("leaves"), scopes: ["jobs:submit", "jobs:work"])
            try await TestServer.with(database) { server in
                let gone = try server.client.begin("POST", "/api/v1/worker/claim", key: key, Self.claim("gone"))
                try await server.until(Self.parked, is: 1)
                let stays = try server.client.begin("POST", "/api/v1/worker/claim", key: key, Self.claim("stays"))
                try await server.until(Self.parked, is: 2)
                gone.hangUp()
                try await server.until(Self.parked, is: 1)
                #expect(try await server.client.post("/api/v1/intake", key: key, Self.job).status == 202)
                #expect(Self.jobs(try await stays.response()) == 1)
                #expect(try await database.text("select string_agg(worker || attempt, ',') from jobs.job") == "stays1")
            }
        }
    }

    @Test("A hundred clients that hang up as jobs come lose none of them for those who stay")
    func hangUpRace() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let account = try await database.account("race")
            let key = try await database.key(account, scopes: ["jobs:submit", "jobs:work"])
            try await TestServer.with(database) { server in
                let leaving = try (0..<60).map {
                    try server.client.begin("POST", "/api/v1/worker/claim", key: key, Self.claim("leaves\($0)"))
                }
                let staying = try (0..<20).map {
                    try server.client.begin("POST", "/api/v1/worker/claim", key: key, Self.claim("stays\($0)"))
                }
                try await server.until(Self.parked, is: 80)
                async let jobs: Void = {
                    for _ in 0..<80 {
                        try await database.run("select jobs.submit_job($1::uuid, 'w', '{}')", [.text(account)])
                    }
                }()
                for socket in leaving { socket.hangUp() }
                for socket in staying { #expect(Self.jobs(try await socket.response()) == 1) }
                try await jobs
            }
        }
    }

    @Test("A function that waits beyond its own end is refused and does not spin")
    func forever() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                let response = try await server.client.send("POST", "/t/forever", key: key)
                #expect(response.status == 503)
                #expect(try await server.figure("levqor_batched_calls_total") < 20)
            }
        }
    }
}
