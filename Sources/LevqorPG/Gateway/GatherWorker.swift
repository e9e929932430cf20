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
    /// Whether each call brings its route's statement timeout along: it has its statement for itself.
    let isAlone: Bool
    /// Whether it is the replica that it asks, by http.read_many.
    var isReplica = false
    /// On top of the server's own statement timeout: beyond it the connection counts as lost.
    static let answerDeadline = Duration.seconds(15)
    /// Statement timeout of gathered calls on a replica: short, as they can be answered elsewhere.
    private static let replicaTimeout = Duration.seconds(2)

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
                logger.debug("no connection for a gather worker", metadata: ["error": "\(error.textForLog)"])
                if gather.isFinished { return }
            }
            // A pause without a connection: the lane answers calls that wait too long with 503 meanwhile.
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
                defer { gather.noteDone() }
                // The server may have closed the session while it was idle: nothing has been sent, so nothing is lost.
                if !connection.isQuiet, !connection.probe() {
                    gather.putBack(batch)
                    return false
                }
                if !isReplica { metrics.noteBatch(batch.count) }
                do {
                    // Set it only when it differs from the last one.
                    if isAlone, let wanted = timeLimit(batch), timeout != wanted {
                        do {
                            try await connection.query(
                                "select pg_catalog.set_config('statement_timeout', $1, false)",
                                [.text("\(wanted.milliseconds)ms")], deadline: .seconds(5), cancellable: false
                            )
                        } catch  where !connection.isUsable {
                            gather.putBack(batch)
                            return false
                        }
                        timeout = wanted
                    }
                    let result = try await connection.queryPrepared(
                        isReplica ? Batch.replicaStatement : Batch.statement,
                        isReplica ? Batch.replicaParameters(batch) : Batch.parameters(batch),
                        deadline: deadline(timeout ?? .zero), cancellable: false
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

    /// The statement timeout of a batch in a lane that knows it. The replica gets calls of both lanes.
    private func timeLimit(_ batch: [Gather.Pending]) -> Duration? {
        guard let route = batch.first?.call.route else { return nil }
        return isReplica && route.lane == .gathered ? Self.replicaTimeout : route.timeout
    }

    private func deadline(_ timeout: Duration) -> Duration {
        isReplica ? timeout + .seconds(1) : max(Self.answerDeadline, timeout + .seconds(5))
    }

    private func deliver(_ replies: [GatewayReply?], to batch: [Gather.Pending]) {
        for (pending, reply) in zip(batch, replies) {
            if let reply {
                pending.reply(.success(reply))
            } else {
                pending.reply(.failure(.outcomeUnknown))
            }
        }
    }

    private func fail(_ batch: [Gather.Pending], _ error: PostgresError) {
        logger.error(
            "a batch failed",
            metadata: [
                "error": "\(error.textForLog)", "calls": "\(batch.count)",
                "levqor.request.id": "\(batch.first?.call.requestID ?? "")",
            ]
        )
        for pending in batch {
            switch error.code {
            case .server: pending.reply(.failure(.refused(error)))
            case .invalidParameter: pending.reply(.failure(.refused(error)))
            default:
                pending.reply(.failure(error.mayHaveBeenDone ? .outcomeUnknown : .unavailable("no connection")))
            }
        }
    }
}
