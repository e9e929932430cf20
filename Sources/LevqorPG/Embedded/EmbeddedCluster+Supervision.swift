import Logging
import ServiceLifecycle

extension EmbeddedCluster {
    /// Keeps the cluster alive until the service group shuts down, and then ends this server's use of it.
    ///
    /// As the first service of a group it ends last, when the connections of the others are closed.
    public func run() async throws {
        if endpoint == nil { try await start() }
        await cancelWhenGracefulShutdown { await self.supervise() }
        await stop()
    }

    /// Starts PostgreSQL again whenever it is gone. Several servers may do this at once: the first one through the
    /// lock starts it, the others adopt that run.
    func supervise() async {
        var backoff = RestartBackoff()
        while let lived = await untilGone() {
            logger.warning("PostgreSQL is gone", metadata: ["levqor.pg.lived": "\(lived)"])
            var wait = backoff.next(lived: lived, jitter: .random(in: 0...1))
            while !Task.isCancelled {
                do {
                    try await Task.sleep(for: wait)
                    try await restart()
                    break
                } catch is CancellationError {
                    return
                } catch {
                    wait = backoff.next(lived: nil, jitter: .random(in: 0...1))
                    logger.error(
                        "cannot start PostgreSQL again", metadata: ["error": "\(error)", "levqor.wait": "\(wait)"])
                }
            }
        }
    }

    /// Waits until PostgreSQL is gone and says how long it lived; nil when the task is cancelled or the cluster stopped.
    private func untilGone() async -> Duration? {
        while case .running(let running) = state {
            let runner = ClusterRunner(tools: running.tools, logger: logger)
            if runner.running() == nil { return running.since.duration(to: .now) }
            do { try await Task.sleep(for: options.watchInterval) } catch { return nil }
        }
        return nil
    }

    func restart() async throws {
        guard case .running(var running) = state else { return }
        let turn = try await takeTurn(running.tools.place, timeout: options.startTimeout)
        defer { turn.release() }
        // Never a new, empty one under a server that believes in its data.
        guard try ClusterMaker.exists(running.tools.place) else {
            throw EmbeddedError(
                .vanished,
                "the data folder \(running.tools.place.data) is gone",
                advice: "bring it back, or stop the server and start it again to begin with an empty cluster"
            )
        }
        let runner = ClusterRunner(tools: running.tools, logger: logger)
        (running.endpoint, running.postmaster) = try await runner.ensureRunning(
            previous: running.endpoint.socketDirectory,
            timeout: options.startTimeout
        )
        // stop() may have come meanwhile; it waits for this turn and decides on what it finds.
        guard case .running = state else { return }
        running.since = .now
        state = .running(running)
    }
}
