import Foundation
import Logging
import ServiceLifecycle

/// Alive and ready: what load balancers and people ask first. Neither needs a key, and neither is rate limited.
final class Health: Service {
    private let pool: PostgresPool
    private let heartbeats: Heartbeats
    private let draining = Locked(false)
    private let looks = Locked<(last: Look?, running: Task<Look, Never>?)>((nil, nil))
    private static let cacheAge = Duration.milliseconds(500)

    /// What the database said of itself.
    private struct Look: Sendable {
        let at: ContinuousClock.Instant
        let reasons: [String]
        let details: JSONValue
    }

    let paths: Set<String> = ["/health", "/ready"]

    init(pool: PostgresPool, heartbeats: Heartbeats) {
        self.pool = pool
        self.heartbeats = heartbeats
    }

    /// Turns ready to false as soon as the shutdown begins.
    func run() async throws {
        try? await gracefulShutdown()
        draining.withLock { $0 = true }
    }

    /// The answer, when the request is for one of the two.
    func answer(method: String, path: String) async -> Answer? {
        guard method == "GET", paths.contains(path) else { return nil }
        if path == "/health" {
            return .json(200, .object([("ok", .bool(true)), ("ts", .int(Int(Self.now())))]))
        }
        let (reasons, details) = await readiness()
        return .json(
            reasons.isEmpty ? 200 : 503,
            .object([
                ("ready", .bool(reasons.isEmpty)),
                ("reasons", .array(reasons.map(JSONValue.string))),
                ("database", details),
            ])
        )
    }

    /// Why the server is not ready; empty when it is.
    func readiness() async -> (reasons: [String], details: JSONValue) {
        if draining.withLock({ $0 }) { return (["the server is stopping"], .null) }
        let late = heartbeats.ages.filter(\.isLate).map {
            "the loop \($0.name) has had no success for \(Int($0.seconds)) s"
        }
        let look = await look()
        return (look.reasons + late, look.details)
    }

    /// One look at the database serves all who ask while it is under way and within its age.
    private func look() async -> Look {
        let (last, running): (Look?, Task<Look, Never>?) = looks.withLock { looks in
            if let last = looks.last, last.at.duration(to: .now) < Self.cacheAge { return (last, nil) }
            let running = looks.running ?? Task { await self.ask() }
            looks.running = running
            return (nil, running)
        }
        if let last { return last }
        guard let look = await running?.value else { return Look(at: .now, reasons: [], details: .null) }
        return look
    }

    private func ask() async -> Look {
        var reasons: [String] = []
        var details = JSONValue.null
        do {
            let text = try await pool.withConnection(deadline: .seconds(2)) { connection in
                try await connection.queryPrepared("select ops.readiness()", [], deadline: .seconds(2)).first?.string(0)
            }
            details = try text.map { try JSONParser.parse($0) } ?? .null
            reasons = details["reasons"]?.array?.compactMap(\.string) ?? []
        } catch {
            reasons = ["the database does not answer"]
        }
        let look = Look(at: .now, reasons: reasons, details: details)
        looks.withLock { $0 = (look, nil) }
        return look
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec)
    }
}
