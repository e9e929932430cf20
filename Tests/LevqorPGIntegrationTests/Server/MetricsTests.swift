import Foundation
import Testing

@testable import LevqorPG

@Suite("The page for Prometheus, over HTTP", .timeLimit(.minutes(2)))
struct MetricsTests {
    @Test("Every family stands once, and requests are counted by route and status, never by path")
    func page() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                for number in 0..<3 { _ = try await server.client.get("/api/v1/status/job_\(number)", key: key) }
                for number in 0..<3 { _ = try await server.client.get("/nowhere/\(number)") }
                let page = try await server.admin.get("/metrics").text
                #expect(
                    page.contains(#"levqor_http_requests_total{route="GET /api/v1/status/{job_id}",status="404"} 3"#))
                #expect(page.contains(#"levqor_http_requests_total{route="none",status="404"} 3"#))
                #expect(page.contains("levqor_database_up 1\n"))
                let families = page.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
                #expect(Set(families).count == families.count)
                // Samples follow their own family at once.
                var family = ""
                for line in page.split(separator: "\n") {
                    if line.hasPrefix("# TYPE ") { family = String(line.split(separator: " ")[2]) }
                    if !line.hasPrefix("#") { #expect(line.hasPrefix(family), "\(line)") }
                }
            }
        }
    }

    @Test("A hundred who ask whether it is ready are all told so")
    func ready() async throws {
        try await TestDatabase.with { database in
            try await TestServer.with(database) { server in
                // Not before its pool has connected.
                try await eventually("it is ready") { try await server.client.get("/ready").status == 200 }
                let answers = try await withThrowingTaskGroup(of: String.self) { group in
                    for _ in 0..<100 { group.addTask { try await server.client.get("/ready").text } }
                    return try await group.reduce(into: [String]()) { $0.append($1) }
                }
                let others = answers.filter { !$0.hasPrefix(#"{"ready":true"#) }
                #expect(others == [])
            }
        }
    }
}
