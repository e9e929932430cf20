import Logging

/// One session with the database: an actor on a thread of its own.
///
/// libpq runs non-blocking under poll(2) with deadlines, and only on that thread, so the cooperative pool never waits
/// for a socket. A call that starts runs to its end before the next one: there is no suspension inside.
actor PostgresConnection {
    /// Where libpq is called. The actor's jobs run there and nowhere else.
    nonisolated let thread: PostgresThread
    nonisolated let configuration: PostgresConfiguration
    nonisolated let logger: Logger
    /// The server process of this session, as the server told it at start-up (a pooler may tell a number of its own).
    nonisolated let backendPID: Int32
    /// What other threads may touch: asks the running statement to stop.
    nonisolated let interrupt: PostgresInterrupt

    private nonisolated let socket: Int32
    let session: PostgresSession
    let parameters = PostgresParameterBuffer()
    var statements = PostgresStatementCache()

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Opens a session.
    ///
    /// - Throws: `.invalidConfiguration`, `.connectionFailed`, `.deadlineExceeded` after the configuration's connect
    ///   timeout, `.cancelled` when the calling task is cancelled.
    static func connect(_ configuration: PostgresConfiguration, logger: Logger) async throws -> PostgresConnection {
        let thread = try PostgresThread()
        do {
            let opener = try PostgresOpener(thread: thread)
            return try await opener.open(configuration, logger: logger)
        } catch {
            thread.stop()
            throw error
        }
    }

    init(
        session: sending PostgresSession,
        thread: PostgresThread,
        interrupt: PostgresInterrupt,
        configuration: PostgresConfiguration,
        logger: Logger
    ) {
        backendPID = session.backendPID
        socket = session.socket
        self.session = session
        self.thread = thread
        self.interrupt = interrupt
        self.configuration = configuration
        self.logger = logger
    }

    deinit {
        thread.stop()
    }

    /// False once the session is closed or broken; it stays false.
    var isUsable: Bool { session.isUsable }

    /// Whether a transaction is open, and whether it has failed.
    var transaction: PostgresTransactionState { session.transactionState }

    /// Ends the session and frees what libpq holds. Safe to repeat.
    func close() {
        session.close()
    }

    /// Whether nothing has come in while the session was idle. A cheap look from any thread; false means: `probe()`.
    nonisolated var isQuiet: Bool { !PostgresPoll.isReadable(socket) }

    /// Whether an idle session is still there.
    func probe() -> Bool { session.probe() }

    /// Runs several calls in one stay on the connection's thread, without a hop between them.
    func run<R: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) async throws -> R
    ) async rethrows -> R {
        try await body(self)
    }
}
