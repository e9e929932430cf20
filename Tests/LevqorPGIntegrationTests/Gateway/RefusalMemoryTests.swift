import Testing

@testable import LevqorPG

@Suite("Refusals from memory, over HTTP", .timeLimit(.minutes(3)))
struct RefusalMemoryHTTPTests {
    private static let job = #"{"workflow": "w", "payload": {}}"#
    private static let batched = "levqor_batched_calls_total"
    private static let remembered = "levqor_refusals_remembered"

    /// A server behind a proxy whose policy admits one call an address; that one has been made, and the next was refused.
    private static func with(
        _ body: (TestDatabase, TestServer, _ key: String, _ refused: TestResponse) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let key = try await database.key()
            try await database.run("update limits.policy set quota = 1, burst = 1 where name = 'write-address'")
            try await TestServer.with(database, ["LEVQOR_TRUSTED_PROXIES": "127.0.0.1"]) { server in
                #expect(try await post(server, key).status == 202)
                let refused = try await post(server, key)
                #expect(refused.status == 429)
                try await body(database, server, key, refused)
            }
        }
    }

    private static func post(
        _ server: TestServer, _ key: String, from address: String = "2001:db8:1:2::1", _ body: String = job
    ) async throws -> TestResponse {
        try await server.client.post("/api/v1/intake", key: key, body, [("X-Forwarded-For", address)])
    }

    @Test("The second refusal asks nobody, and looks like the first, with its own id")
    func same() async throws {
        try await Self.with { _, server, key, first in
            let calls = try await server.figure(Self.batched)
            let second = try await Self.post(server, key, from: "2001:db8:1:2:ffff::9", "no JSON at all")
            #expect(try await server.figure(Self.batched) == calls)
            #expect(try await server.figure("levqor_refusals_from_memory_total") == 1)
            #expect(second.status == 429)
            #expect(Set(second.headers.map(\.name)) == Set(first.headers.map(\.name)))
            #expect(second.header("retry-after").flatMap(Int.init).map { (1...60).contains($0) } == true)
            #expect(second.header("content-type") == "application/problem+json")
            #expect(second.json["request_id"]?.string == second.header("x-request-id"))
            #expect(second.json["request_id"]?.string != first.json["request_id"]?.string)
            #expect(second.json["type"] == first.json["type"])
            #expect(second.json["violated-policies"] == first.json["violated-policies"])
        }
    }

    @Test("Others are asked about: another network, and another route")
    func others() async throws {
        try await Self.with { _, server, key, _ in
            #expect(try await Self.post(server, key, from: "2001:db8:1:3::1").status == 202)
            let response = try await server.client.get(
                "/api/v1/status/job_1", key: key, [("X-Forwarded-For", "2001:db8:1:2::1")])
            #expect(response.status != 429)
        }
    }

    @Test("When a policy changes everybody is asked about again")
    func changed() async throws {
        try await Self.with { database, server, key, _ in
            try await database.run("update limits.policy set burst = 50 where name = 'write-address'")
            try await eventually("the caller is admitted") { try await Self.post(server, key).status == 202 }
        }
    }

    @Test("When hints could not be heard for a while everybody is asked about again")
    func reconnected() async throws {
        try await Self.with { database, server, key, _ in
            // On a slow machine the server begins to hear hints only now, and has forgotten the first refusal.
            try await eventually("a refusal is remembered") {
                _ = try await Self.post(server, key)
                return try await server.figure(Self.remembered) == 1
            }
            try await database.run(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                    + "where datname = current_database() and application_name = 'levqor-server-listen'"
            )
            try await server.until(Self.remembered, is: 0)
        }
    }
}
