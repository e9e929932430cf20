import Logging
import ServiceLifecycle

/// One connection that carries batches of a gather to http.handle_many, for as long as the gather lives.
///
/// The loop runs on the connection's own thread, so a batch costs no hop between threads beyond taking it.
struct GatherWorker: Sendable {
    let gather: Gather
    let configuration: PostgresConfiguration
    let logger: Logger
    let metrics: GatewayMetrics
    /// On top of the server's own statement timeout: beyond it the connection counts as lost.
    static let answerDeadline = Duration.seconds(15)

    /// Serves until the gather is closed. Reconnects for ever, with growing pauses.
    func run() async {
        var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(2))
        while true {
            do {
                let connection = try await PostgresConnection.connect(configuration, logger: logger)
                gather.noteConnection(true)
                backoff.reset()
                let isClosed = await serve(on: connection)
                gather.noteConnection(false)
                await connection.close()
                if isClosed { return }
            } catch {
                logger.debug("no connection for a gather worker", metadata: ["error": "\(String(reflecting: error))"])
                gather.expire(olderThan: .seconds(1))
                if gather.isFinished { return }
            }
            // A pause without a connection: calls that wait longer than a second are answered 503 meanwhile.
            try? await Task.sleep(for: backoff.next())
            if Task.isCancelled { return }
        }
    }

    /// Serves batches until the connection breaks (false) or the gather is closed (true).
    private func serve(on connection: PostgresConnection) async -> Bool {
        await connection.run { connection in
            var timeout: Duration?
            while true {
                let batch = await gather.next()
                if batch.isEmpty { return true }
                metrics.noteBatch(batch.count)
                do {
                    // The lane alone has a timeout a route; set it only when it differs from the last one.
                    if batch.count == 1, batch[0].call.route.lane == .alone, timeout != batch[0].call.route.timeout {
                        let wanted = batch[0].call.route.timeout
                        try await connection.query(
                            "select pg_catalog.set_config('statement_timeout', $1, false)",
                            [.text("\(wanted.milliseconds)ms")], deadline: .seconds(5), cancellable: false
                        )
                        timeout = wanted
                    }
                    let deadline = max(Self.answerDeadline, (timeout ?? .zero) + .seconds(5))
                    let result = try await connection.queryPrepared(
                        Batch.statement, Batch.parameters(batch.map(\.call)), deadline: deadline, cancellable: false
                    )
                    deliver(Batch.replies(result, count: batch.count), to: batch)
                } catch let error as PostgresError {
                    fail(batch, error)
                    if !connection.isUsable { return false }
                } catch {
                    fail(batch, PostgresError(.protocolViolation, "\(error)"))
                    return false
                }
            }
        }
    }

    private func deliver(_ replies: [GatewayReply?], to batch: [Gather.Pending]) {
        for (pending, reply) in zip(batch, replies) {
            if let reply {
                pending.reply.resume(returning: .success(reply))
            } else {
                pending.reply.resume(returning: .failure(.outcomeUnknown))
            }
        }
    }

    private func fail(_ batch: [Gather.Pending], _ error: PostgresError) {
        logger.error(
            "a batch failed",
            metadata: [
                "error": "\(String(reflecting: error))", "calls": "\(batch.count)",
                "levqor.request.id": "\(batch[0].call.requestID)",
            ]
        )
        for pending in batch {
            switch error.code {
            case .server: pending.reply.resume(returning: .failure(.refused(error)))
            case .invalidParameter: pending.reply.resume(returning: .failure(.refused(error)))
            default:
                let isUnknown = error.isOutcomeUnknown || error.code == .deadlineExceeded
                pending.reply.resume(returning: .failure(isUnknown ? .outcomeUnknown : .unavailable("no connection")))
            }
        }
    }
}

extension Duration {
    /// Whole milliseconds, rounded down.
    var milliseconds: Int {
        Int(components.seconds) * 1000 + Int(components.attoseconds / 1_000_000_000_000_000)
    }

    /// Seconds with their fraction.
    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
