import Logging
import ServiceLifecycle

/// Runs what the database's schedule says is due, and tells it that this server is alive.
///
/// However many servers ask, the database runs each task once a slot.
struct ClockService: Service {
    let pool: PostgresPool
    let hub: HintHub
    let notifier: HintNotifier
    let heartbeats: Heartbeats
    let server: String
    let version: String
    let build: String
    let logger: Logger

    private static let pollInterval = Duration.seconds(10)

    init(
        pool: PostgresPool, hub: HintHub, notifier: HintNotifier, heartbeats: Heartbeats, server: String,
        version: String,
        build: String, logger: Logger
    ) {
        self.pool = pool
        self.hub = hub
        self.notifier = notifier
        self.heartbeats = heartbeats
        self.server = server
        self.version = version
        self.build = build
        self.logger = logger
        heartbeats.expect("clock", within: .seconds(90))
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var backoff = Backoff(initial: .milliseconds(200), maximum: .seconds(5))
            var isKnown = false
            while !Task.isCancelled {
                do {
                    if !isKnown {
                        try await call(
                            "select ops.note_server_start($1, $2, $3)", [.text(server), .text(version), .text(build)])
                        isKnown = true
                    }
                    isKnown =
                        try await call("select ops.note_server_alive($1)", [.text(server)]).first?.bool(0) ?? false
                    let pause = try await runDue()
                    heartbeats.beat("clock")
                    backoff.reset()
                    if pause > .zero {
                        _ = await hub.wait(for: ["schedule"], atMost: min(pause, .seconds(5)), isParked: false)
                    }
                } catch {
                    if Task.isCancelled { return }
                    logger.warning("the clock could not run", metadata: ["error": "\(error.textForLog)"])
                    try? await Task.sleep(for: backoff.next())
                }
            }
        }
    }

    /// Runs what is due and gives how long nothing will be.
    private func runDue() async throws -> Duration {
        let result = try await pool.withConnection { connection in
            // PostgreSQL bounds a statement, not a task in it: one that hangs ends with the longest time a task is given.
            try await connection.queryPrepared(
                "select pg_catalog.set_config('statement_timeout', schedule.timeout_ms()::text, false)", [],
                deadline: .seconds(10)
            )
            return try await connection.queryPrepared(
                "select task, outcome, hints from schedule.run_due()", [], deadline: .seconds(3660)
            )
        }
        for row in result {
            let outcome = row.string(1) ?? "?"
            if outcome != "succeeded" {
                // What went wrong stands in schedule.run.
                logger.error(
                    "a scheduled task did not succeed",
                    metadata: ["task": "\(row.string(0) ?? "?")", "outcome": "\(outcome)"])
            }
            let hints = row.withBytes(2) { $0.map { PostgresArrayText.elements($0) } ?? [] }
            for hint in hints.compactMap({ Hint($0[...]) }) {
                hub.post(hint)
                notifier.post(hint)
            }
        }
        // It ends early after a second of work: rows mean that there may be more.
        if !result.isEmpty { return .zero }
        let seconds = try await call(
            "select extract(epoch from schedule.next_due() - pg_catalog.clock_timestamp())", []
        ).first?.double(0)
        // Due although nothing ran: another server runs it.
        return min(Self.pollInterval, .seconds(max(1, seconds ?? 10)))
    }

    @discardableResult
    private func call(
        _ statement: String, _ parameters: [PostgresParameter], deadline: Duration = .seconds(10)
    ) async throws -> PostgresResult {
        try await pool.withConnection { connection in
            try await connection.queryPrepared(statement, parameters, deadline: deadline)
        }
    }
}
