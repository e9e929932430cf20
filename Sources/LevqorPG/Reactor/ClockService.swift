import Logging
import ServiceLifecycle

/// Runs what the database's schedule says is due.
///
/// However many servers ask, the database runs each task once a slot, and each step of a run once. Whether this server is
/// alive is told beside it: a task may take an hour.
struct ClockService: Service {
    let pool: PostgresPool
    let hub: HintHub
    let notifier: HintNotifier
    let heartbeats: Heartbeats
    let presence: PresenceService
    let logger: Logger
    /// What the task that is being run may take; its heartbeat has to come within that.
    private let timeout = Locked(Duration.seconds(30))

    private static let pollInterval = Duration.seconds(10)
    private static let grace = Duration.seconds(60)

    init(
        pool: PostgresPool, hub: HintHub, notifier: HintNotifier, heartbeats: Heartbeats, server: String,
        version: String,
        build: String, logger: Logger
    ) {
        self.pool = pool
        self.hub = hub
        self.notifier = notifier
        self.heartbeats = heartbeats
        self.logger = logger
        // Without a heartbeat of its own: what keeps it from the database keeps the clock from it too.
        presence = PresenceService(
            pool: pool, heartbeats: Heartbeats(), server: server, version: version, build: build, logger: logger)
        heartbeats.expect("clock", within: timeout.withLock { $0 } + Self.grace)
    }

    func run() async throws {
        async let told: Void = presence.run()
        await cancelWhenGracefulShutdown {
            var backoff = Backoff(initial: .milliseconds(200), maximum: .seconds(5))
            while !Task.isCancelled {
                do {
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
        try await told
    }

    /// Runs what is due and gives how long nothing will be.
    private func runDue() async throws -> Duration {
        let result = try await pool.withConnection { connection in
            do {
                let result = try await runDue(on: connection)
                await Self.giveBack(connection)
                return result
            } catch {
                await Self.giveBack(connection)
                throw error
            }
        }
        for row in result {
            let outcome = row.string(1) ?? "?"
            // Running: a step of it is done, and the next call does the next one.
            if outcome != "succeeded", outcome != "running" {
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

    /// Runs what comes first, within the time that the schedule gives it.
    private func runDue(on connection: PostgresConnection) async throws -> PostgresResult {
        // PostgreSQL bounds a statement, not a task in it: the schedule gives the time of the task that comes first,
        // and runs with it those only that have the same.
        let bound = try await connection.queryPrepared(
            "select t.ms, pg_catalog.set_config('statement_timeout', t.ms::text, false) from schedule.timeout_ms() as t (ms)",
            [], deadline: .seconds(10)
        )
        let timeout = Duration.milliseconds(bound.first?.int(0) ?? 30_000)
        allow(timeout)
        return try await connection.queryPrepared(
            "select task, outcome, hints from schedule.run_due()", [], deadline: timeout + Self.grace
        )
    }

    /// The connection serves others too: the bound of a task is none of theirs.
    private static func giveBack(_ connection: PostgresConnection) async {
        // A connection that does not answer is not lent again.
        _ = try? await connection.query("reset statement_timeout", deadline: .seconds(10), cancellable: false)
    }

    /// A task with another bound than the last gives its heartbeat other time. One that fails again and again gets none.
    private func allow(_ timeout: Duration) {
        let isOther = self.timeout.withLock { last in
            defer { last = timeout }
            return last != timeout
        }
        if isOther { heartbeats.expect("clock", within: timeout + Self.grace) }
    }

    private func call(
        _ statement: String, _ parameters: [PostgresParameter], deadline: Duration = .seconds(10)
    ) async throws -> PostgresResult {
        try await pool.withConnection { connection in
            try await connection.queryPrepared(statement, parameters, deadline: deadline)
        }
    }
}
