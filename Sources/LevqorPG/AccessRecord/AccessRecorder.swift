import Logging
import ServiceLifecycle

/// Writes the access record, batch by batch, on a connection of its own.
///
/// Its commits are not waited for: a crash of PostgreSQL may lose the last of them. When the server stops it ends after all
/// who answer requests, so the rows of the last requests are written too.
struct AccessRecorder: Service {
    let log: AccessLog
    let hash: AddressHash
    let server: String
    let configuration: PostgresConfiguration
    let heartbeats: Heartbeats
    let logger: Logger

    private static let loop = "access"
    private static let interval = Duration.milliseconds(200)
    private static let mostRows = 2_000
    private static let deadline = Duration.seconds(10)
    /// So many times rows are sent of which the database says that it cannot take them.
    private static let mostRefusals = 5
    /// So many times the last rows are sent.
    private static let mostLastTries = 3

    /// - Parameter configuration: of a connection that does not wait for its commits.
    init(
        log: AccessLog, hash: AddressHash, server: String, configuration: PostgresConfiguration, heartbeats: Heartbeats,
        logger: Logger
    ) {
        self.log = log
        self.hash = hash
        self.server = server
        self.configuration = configuration
        self.heartbeats = heartbeats
        self.logger = logger
        heartbeats.expect(Self.loop, within: .seconds(60))
    }

    func run() async throws {
        await withTaskCancellationOrGracefulShutdownHandler {
            await write()
        } onCancelOrGracefulShutdown: {
            log.close()
        }
    }

    private func write() async {
        var connection: PostgresConnection?
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(2))
        var refusals = 0
        var lastTries = 0
        while true {
            await log.waitForRows(atMost: Self.interval)
            // Asked before the rows are taken: whoever closes it has left nobody behind that adds to it.
            let isLast = log.isClosed
            let batch = log.take(atMost: Self.mostRows)
            if batch.rows.isEmpty, batch.dropped == 0 {
                if isLast { break }
                heartbeats.beat(Self.loop)
                continue
            }
            do {
                let open = try await usable(connection)
                connection = open
                try await open.queryPrepared(
                    AccessBatch.statement, AccessBatch.parameters(batch, server: server, hash: hash),
                    deadline: Self.deadline, cancellable: false
                )
                log.noteWritten(batch.rows.count)
                heartbeats.beat(Self.loop)
                backoff.reset()
                refusals = 0
            } catch {
                logger.warning(
                    "the access record could not be written",
                    metadata: ["error": "\(error.textForLog)", "rows": "\(batch.rows.count)"])
                if (error as? PostgresError)?.mayHaveBeenDone == true {
                    // Sent again, they might be written and counted twice: a flush that nobody knows the end of counts as lost.
                    log.giveUp((batch.rows, 0))
                    refusals = 0
                    if isLast { lastTries += 1 }
                    if lastTries >= Self.mostLastTries { break }
                    try? await Task.sleep(for: backoff.next())
                    continue
                }
                refusals = (error as? PostgresError)?.isOfItsContent == true ? refusals + 1 : 0
                if refusals >= Self.mostRefusals {
                    refusals = 0
                    log.giveUp(batch)
                } else {
                    log.putBack(batch)
                }
                if isLast { lastTries += 1 }
                if lastTries >= Self.mostLastTries { break }
                try? await Task.sleep(for: backoff.next())
            }
        }
        await connection?.close()
        let lost = log.figures.waiting
        if lost > 0 { logger.error("the end of the access record is lost", metadata: ["rows": "\(lost)"]) }
    }

    /// The connection there is, or a new one.
    private func usable(_ connection: PostgresConnection?) async throws -> PostgresConnection {
        if let connection {
            // One that was closed while it was idle is found here, before rows are lost on it.
            if connection.isQuiet, await connection.isUsable { return connection }
            if await connection.probe() { return connection }
            await connection.close()
        }
        return try await .connect(configuration, logger: logger)
    }
}
