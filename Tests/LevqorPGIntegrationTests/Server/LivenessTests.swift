import Testing

@testable import LevqorPG

@Suite("A loop that stands still", .timeLimit(.minutes(3)))
struct LivenessTests {
    @Test("When hints can no longer be heard, the server stops being ready, says why, and heals")
    func listener() async throws {
        try await TestDatabase.with { database in
            // Only the listener is there: when it is dropped, nothing else misses it.
            let side = database.name + "_side"
            func run(_ statement: String) async throws {
                let connection = try await database.connect()
                try await connection.query(statement, deadline: .seconds(60))
                await connection.close()
            }
            try await run("create database \(side)")
            let ahead = Locked(Duration.zero)
            let heartbeats = Heartbeats { .now + ahead.withLock { $0 } }
            let url = try DeployDatabase.render(database.url, ["dbname": side])
            let server = try await TestServer.start(
                database.url, ["LEVQOR_LISTEN_URL": url], heartbeats: heartbeats)
            func reasons() async throws -> [String] {
                let answer = try await server.client.get("/ready")
                let found = try JSONParser.parse(answer.text)["reasons"]?.array?.compactMap(\.string) ?? []
                #expect(answer.status == (found.isEmpty ? 200 : 503))
                return found
            }
            do {
                try await eventually("hints are heard") {
                    try await server.figure("levqor_listener_connected") == 1
                }
                try await run("drop database \(side) with (force)")
                // The other loops go on: within the time that they are given they are well again.
                ahead.withLock { $0 += .seconds(3600) }
                try await eventually("the listener is late, and others are not") {
                    let found = try await reasons()
                    return found.contains { $0.hasPrefix("the loop listen has had no success for 36") }
                        && !found.contains { $0.hasPrefix("the loop access ") }
                }
                #expect(try await server.figure(#"levqor_loop_seconds_since_success{loop="listen"}"#) >= 3600)
                try await run("create database \(side)")
                try await eventually("hints are heard again") {
                    try await !reasons().contains { $0.hasPrefix("the loop listen ") }
                }
            } catch {
                try? await server.stop()
                try? await run("drop database if exists \(side) with (force)")
                throw error
            }
            try await server.stop()
            try await run("drop database \(side) with (force)")
        }
    }

    @Test("A process that only reacts has one address, and no loop of the requests")
    func react() async throws {
        try await TestDatabase.with { database in
            try await TestServer.with(database, ["LEVQOR_ROLES": "reactor"]) { server in
                try await eventually("it is ready") { try await server.admin.get("/ready").status == 200 }
                let page = try await server.admin.get("/metrics").text
                for part in [
                    #"role{role="http"} 0"#, #"role{role="reactor"} 1"#, #"{loop="outbox"}"#, #"{loop="clock"}"#,
                ] {
                    #expect(page.contains(part))
                }
                #expect(!page.contains(#"loop="access""#) && !page.contains(#"loop="presence""#))
            }
        }
    }

    @Test("A process that only answers sends nothing and runs no clock, and is known to be alive")
    func answer() async throws {
        try await TestDatabase.with { database in
            try await TestServer.with(database, ["LEVQOR_ROLES": "http"]) { server in
                try await eventually("it is ready") { try await server.client.get("/ready").status == 200 }
                let page = try await server.admin.get("/metrics").text
                #expect(!page.contains(#"loop="outbox""#) && !page.contains(#"loop="clock""#))
                let connection = try await database.connect()
                try await eventually("the server is known") {
                    try await connection.query("select count(*) from ops.server").first?.int(0) == 1
                }
                await connection.close()
            }
        }
    }
}
