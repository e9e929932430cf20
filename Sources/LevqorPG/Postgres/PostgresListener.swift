import Logging

/// LISTEN on a connection of its own, kept up for ever.
///
/// A notification is a hint: it is lost when the connection is. So `.connected` comes after each (re)connect, when
/// LISTEN holds and a notification of its own has come round: whoever hears it asks the database what is due, then
/// waits. The round trip is made again whenever nothing was heard for `heartbeat`, so a dead peer is found though its
/// socket looks alive; the server has the configuration's connect timeout to answer.
struct PostgresListener: Sendable {
    private let configuration: PostgresConfiguration
    private let channels: [String]
    private let heartbeat: Duration
    /// How long the server may take to answer. Not the heartbeat: a short one must not make a slow server look dead.
    private let patience: Duration
    private let logger: Logger
    private let backoff: Backoff

    init(
        configuration: PostgresConfiguration,
        channels: [String],
        heartbeat: Duration = .seconds(10),
        logger: Logger,
        backoff: Backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(5))
    ) {
        self.configuration = configuration
        self.channels = channels
        self.heartbeat = heartbeat
        self.patience = configuration.connectTimeout
        self.logger = logger
        self.backoff = backoff
    }

    /// Listens until the task is cancelled, then returns.
    ///
    /// The handler is awaited, one event at a time: a slow one holds up what follows, so hand work on.
    /// - Parameter alive: called whenever the connection has proved itself.
    /// - Throws: `.invalidConfiguration` and `.transactionPooler`, which no new attempt can heal; every other failure
    /// is
    ///   told as `.disconnected` and tried again.
    func run(
        alive: @Sendable () -> Void = {}, _ handle: @Sendable (PostgresListenerEvent) async -> Void
    ) async throws {
        var backoff = backoff
        while !Task.isCancelled {
            var hasConnected = false
            do {
                let connection = try await PostgresConnection.connect(configuration, logger: logger)
                let since = ContinuousClock.now
                do {
                    try await listen(connection, alive) { event in
                        hasConnected = true
                        await handle(event)
                    }
                } catch {
                    await connection.close()
                    // One that held for a while starts the back-off anew; one that dies young must not spin.
                    if hasConnected, since.duration(to: .now) > .seconds(1) { backoff.reset() }
                    throw error
                }
            } catch {
                if Task.isCancelled { return }
                let error = error as? PostgresError ?? PostgresError(.connectionFailed, "\(type(of: error))")
                if error.code == .invalidConfiguration || error.code == .transactionPooler { throw error }
                logger.warning("listener disconnected", metadata: ["db.error": "\(String(reflecting: error))"])
                await handle(.disconnected(error))
            }
            try? await Task.sleep(for: backoff.next())
        }
    }

    /// One connection's life: returns never, ends by throwing.
    private func listen(
        _ connection: PostgresConnection,
        _ alive: () -> Void,
        _ handle: (PostgresListenerEvent) async -> Void
    ) async throws {
        if try await connection.detectsTransactionPooler() {
            throw PostgresError(
                .transactionPooler,
                "LISTEN hears nothing through a transaction pooler; give the listener a direct or session-pooled URL"
            )
        }
        // The backend's number makes it the listener's own, as far as a stranger does not mean to use it.
        let own = "levqor_alive_\(connection.backendPID)"
        for channel in channels + [own] {
            try await connection.query("listen \(PostgresText.quotedIdentifier(channel))", deadline: patience)
        }
        var held = try await proveAlive(connection, own)
        await handle(.connected)
        while true {
            alive()
            for notification in held where notification.channel != own {
                await handle(
                    .notification(
                        channel: notification.channel, payload: notification.payload, pid: notification.pid
                    )
                )
            }
            held = try await connection.notifications(waiting: heartbeat)
            if held.isEmpty { held = try await proveAlive(connection, own) }
        }
    }

    /// Sends a notification to this very session and waits for it; what else comes meanwhile is returned.
    private func proveAlive(_ connection: PostgresConnection, _ own: String) async throws -> [PostgresNotification] {
        let token = String(UInt64.random(in: .min ... .max), radix: 36)
        try await connection.query("select pg_notify($1, $2)", [.text(own), .text(token)], deadline: patience)
        var held: [PostgresNotification] = []
        let until = ContinuousClock.now + patience
        repeat {
            let left = max(.zero, ContinuousClock.now.duration(to: until))
            held += try await connection.notifications(waiting: left)
            if held.contains(where: { $0.channel == own && $0.payload == token }) { return held }
        } while ContinuousClock.now < until
        throw PostgresError(.connectionLost, "the session's own notification did not come back")
    }
}
