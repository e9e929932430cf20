import Logging

/// Opens a session on the thread that will own it.
actor PostgresOpener {
    private nonisolated let thread: PostgresThread
    private let interrupt: PostgresInterrupt

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(thread: PostgresThread) throws {
        self.thread = thread
        self.interrupt = try PostgresInterrupt()
    }

    func open(_ configuration: PostgresConfiguration, logger: Logger) async throws -> PostgresConnection {
        let number = interrupt.begin()
        defer { interrupt.end() }
        return try await withTaskCancellationHandler {
            PostgresConnection(
                session: try PostgresSession.open(configuration, interrupt: interrupt),
                thread: thread,
                interrupt: interrupt,
                configuration: configuration,
                logger: logger
            )
        } onCancel: { [interrupt] in
            interrupt.raise(number)
        }
    }
}
