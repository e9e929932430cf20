import Logging
import ServiceLifecycle

/// A fixed number of connections, kept up for ever while `run()` runs.
///
/// Lending takes a lock and no hop. Those who wait are served in the order in which they came.
final class PostgresPool: Service {
    let configuration: PostgresConfiguration
    let size: Int
    private let backoff: Backoff
    private let logger: Logger
    private let state = Locked(PostgresPoolState())

    init(
        configuration: PostgresConfiguration,
        size: Int,
        logger: Logger,
        backoff: Backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(5))
    ) {
        self.configuration = configuration
        self.size = max(1, size)
        self.logger = logger
        self.backoff = backoff
    }

    var statistics: PostgresPoolStatistics { state.withLock { $0.statistics(size: size) } }

    /// Keeps the connections until the task is cancelled or the service group shuts down; then closes the idle ones,
    /// fails those who wait, and lets each lent connection end when it is given back. A pool runs once.
    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for _ in 0..<self.size { group.addTask { await self.keepConnection() } }
            }
        }
        let (waiters, idle) = state.withLock { $0.close() }
        for waiter in waiters { waiter.resume(throwing: Self.closed) }
        for connection in idle { await connection.close() }
    }

    /// Lends a connection to `body`, which runs on that connection's thread.
    ///
    /// A transaction that `body` leaves open is rolled back. Other session state (SET, advisory locks, temporary
    /// tables) stays: undo what you do.
    /// - Parameter deadline: how long to wait for a connection; it does not bound `body`.
    /// - Throws: `.poolTimeout`, `.poolClosed`, `.cancelled`, and what `body` throws.
    func withConnection<R: Sendable>(
        deadline: Duration = .seconds(10),
        _ body: @Sendable (isolated PostgresConnection) async throws -> R
    ) async throws -> R {
        let connection = try await borrow(deadline)
        let (result, isUsable) = await connection.lend(body)
        giveBack(connection, isUsable: isUsable)
        return try result.get()
    }

    // MARK: Lending

    private func borrow(_ deadline: Duration) async throws -> PostgresConnection {
        var until: ContinuousClock.Instant?
        while true {
            let connection: PostgresConnection
            switch state.withLock({ $0.request() }) {
            case .connection(let idle): connection = idle
            case .closed: throw Self.closed
            case .wait:
                let end = until ?? .now + deadline
                until = end
                connection = try await wait(until: end)
            }
            // A connection that broke while it was idle is found here, before a statement is lost on it.
            if connection.isQuiet { return connection }
            if await connection.probe() { return connection }
            giveBack(connection, isUsable: false)
        }
    }

    private func wait(until: ContinuousClock.Instant) async throws -> PostgresConnection {
        let ticket = state.withLock { $0.newTicket() }
        // One task for each who waits; it ends with the wait. It cannot be a child, as children are awaited.
        let timer = Task {
            try await Task.sleep(until: until, clock: .continuous)
            let (waiter, failure) = state.withLock { ($0.leave(ticket: ticket), $0.lastFailure) }
            waiter?.resume(throwing: Self.timeout(failure))
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                // Asked under the lock once more: a connection may have come back meanwhile. Cancellation and the timer
                // look for the ticket under the same lock, so what came before the ticket stood has to be seen here.
                let (answer, failure) = state.withLock { state in
                    if Task.isCancelled { return (nil as PostgresPoolState.Request?, Self.cancelled) }
                    if ContinuousClock.now >= until { return (nil, Self.timeout(state.lastFailure)) }
                    return (state.request(waiter, ticket: ticket), Self.closed)
                }
                switch answer {
                case .wait: break
                case .connection(let connection): waiter.resume(returning: connection)
                case .closed, nil: waiter.resume(throwing: failure)
                }
            }
        } onCancel: {
            let waiter = state.withLock { $0.leave(ticket: ticket) }
            waiter?.resume(throwing: Self.cancelled)
        }
    }

    private static let closed = PostgresError(.poolClosed, "the pool is closed")
    private static let cancelled = PostgresError(.cancelled, "cancelled while waiting for a connection")

    /// The last failure to connect says why nobody could be served, if there was one.
    private static func timeout(_ failure: PostgresError?) -> PostgresError {
        PostgresError(.poolTimeout, failure?.message ?? "every connection stayed busy")
    }

    private func giveBack(_ connection: PostgresConnection, isUsable: Bool) {
        let waiter = state.withLock { $0.giveBack(connection, isUsable: isUsable) }
        waiter?.resume(returning: connection)
    }

    // MARK: Keeping

    /// One connection after the other, until the task is cancelled.
    private func keepConnection() async {
        var backoff = backoff
        while !Task.isCancelled {
            do {
                let connection = try await PostgresConnection.connect(configuration, logger: logger)
                let since = ContinuousClock.now
                let (gone, signal) = AsyncStream.makeStream(of: Never.self)
                let (isAdmitted, waiter) = state.withLock { $0.admit(connection, gone: signal) }
                guard isAdmitted else { return }
                waiter?.resume(returning: connection)
                logger.debug("connected", metadata: ["db.pid": "\(connection.backendPID)"])
                for await _ in gone {}
                guard !Task.isCancelled else { return }
                logger.warning("connection lost", metadata: ["db.pid": "\(connection.backendPID)"])
                // One that has served for a while is replaced at once; one that dies young must not spin.
                if since.duration(to: .now) > .seconds(1) {
                    backoff.reset()
                    continue
                }
            } catch {
                let error = error as? PostgresError ?? PostgresError(.connectionFailed, "\(type(of: error))")
                guard !Task.isCancelled else { return }
                state.withLock { $0.connectFailed(error) }
                // Nobody is there to throw it to, so it is told here; no parameter is part of connecting.
                logger.warning("connecting failed", metadata: ["db.error": "\(String(reflecting: error))"])
            }
            try? await Task.sleep(for: backoff.next())
        }
    }
}
