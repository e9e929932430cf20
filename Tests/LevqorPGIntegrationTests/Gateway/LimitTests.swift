import Testing

@testable import LevqorPG

@Suite("Limits over HTTP", .timeLimit(.minutes(3)))
struct LimitTests {
    private static let job = #"{"workflow": "w", "payload": {}}"#

    @Test(
        "Twenty of twenty-five at once pass; five are told when to come back; other addresses and routes are not touched"
    )
    func address() async throws {
        try await TestDatabase.with { database in
            let key = try await database.key()
            // The clock stands: nothing refills while the test runs.
            try await database.script("select core.set_test_clock('2026-01-31 12:00:00+00')")
            try await TestServer.with(database, ["LEVQOR_TRUSTED_PROXIES": "127.0.0.1"]) { server in
                let client = server.client
                let answers = try await withThrowingTaskGroup(of: TestResponse.self) { group in
                    for _ in 0..<25 { group.addTask { try await client.post("/api/v1/intake", key: key, Self.job) } }
                    return try await group.reduce(into: [TestResponse]()) { $0.append($1) }
                }
                let refused = answers.filter { $0.status == 429 }
                let taken = answers.filter { $0.status == 202 }
                #expect(taken.count == 20)
                #expect(refused.count == 5)
                for answer in refused {
                    #expect(answer.header("retry-after").flatMap(Int.init).map { $0 >= 1 } == true)
                    #expect(answer.header("ratelimit") != nil)
                    #expect(answer.header("ratelimit-policy") != nil)
                    #expect(answer.header("content-type") == "application/problem+json")
                }
                #expect(try await database.text("select count(*) from jobs.job") == "20")
                for path in ["/health", "/ready", "/docs"] { #expect(try await client.get(path).status == 200) }
                let other = try await client.post(
                    "/api/v1/intake", key: key, Self.job, [("X-Forwarded-For", "198.51.100.7")])
                #expect(other.status == 202)
                // A change of the policy's row takes effect with the next call.
                try await database.run("update limits.policy set burst = 25 where name = 'write-address'")
                // What the server remembers of refusals is forgotten a moment later, by a hint.
                try await eventually("it is admitted") {
                    try await client.post("/api/v1/intake", key: key, Self.job).status == 202
                }
                try await database.run("update limits.policy set burst = 1 where name = 'write-address'")
                #expect(try await client.post("/api/v1/intake", key: key, Self.job).status == 429)
                try await database.run("update limits.policy set is_enabled = false where name = 'write-address'")
                try await eventually("it is admitted") {
                    try await client.post("/api/v1/intake", key: key, Self.job).status == 202
                }
            }
        }
    }

    @Test("Who is not trusted cannot choose an address by a header")
    func spoofed() async throws {
        try await TestDatabase.with { database in
            let key = try await database.key()
            try await database.script("select core.set_test_clock('2026-01-31 12:00:00+00')")
            try await database.run("update limits.policy set burst = 3 where name = 'write-address'")
            try await TestServer.with(database) { server in
                var statuses: [Int] = []
                for number in 1...5 {
                    let headers = [("X-Forwarded-For", "198.51.100.\(number)")]
                    statuses.append(try await server.client.post("/api/v1/intake", key: key, Self.job, headers).status)
                }
                #expect(statuses == [202, 202, 202, 429, 429])
            }
            // Behind a trusted proxy the last hop counts, not what the client wrote before it.
            try await database.run("delete from limits.bucket")
            try await TestServer.with(database, ["LEVQOR_TRUSTED_PROXIES": "127.0.0.0/8"]) { server in
                var statuses: [Int] = []
                for number in 1...5 {
                    let headers = [("X-Forwarded-For", "198.51.100.\(number), 203.0.113.5")]
                    statuses.append(try await server.client.post("/api/v1/intake", key: key, Self.job, headers).status)
                }
                #expect(statuses == [202, 202, 202, 429, 429])
            }
        }
    }
}
