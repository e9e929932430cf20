import Logging
import ServiceLifecycle

/// Tells other servers of hints, by NOTIFY from a connection of its own.
///
/// The first hint of a topic goes at once, further ones at most every few milliseconds, and always one after the last: a
/// NOTIFY in every commit would serialize all commits of the cluster.
final class HintNotifier: Service {
    static let channel = "levqor"
    private static let interval = Duration.milliseconds(5)

    private struct State {
        var waiting: [String: Int] = [:]
        var wake: CheckedContinuation<Void, Never>?
        var isStopped = false
    }

    private let configuration: PostgresConfiguration
    private let logger: Logger
    private let state = Locked(State())
    private let pids = Locked<Set<Int32>>([])

    init(configuration: PostgresConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Whether a notification came from this process itself.
    func isOwn(_ pid: Int32) -> Bool { pids.withLock { $0.contains(pid) } }

    /// Queues a hint for the others. Never waits.
    func post(_ hint: Hint) {
        let wake = state.withLock { state in
            state.waiting[hint.topic, default: 0] += hint.count
            defer { state.wake = nil }
            return state.wake
        }
        wake?.resume()
    }

    func run() async throws {
        await withTaskCancellationOrGracefulShutdownHandler {
            var backoff = Backoff(maximum: .seconds(2))
            while !isStopped {
                do {
                    let connection = try await PostgresConnection.connect(configuration, logger: logger)
                    let pid = connection.backendPID
                    pids.withLock { _ = $0.insert(pid) }
                    defer { pids.withLock { _ = $0.remove(pid) } }
                    backoff.reset()
                    do {
                        try await send(on: connection)
                    } catch {
                        await connection.close()
                        throw error
                    }
                    await connection.close()
                } catch {
                    // Hints are lost here; the others poll.
                    logger.debug("the notifier lost its connection", metadata: ["error": "\(error)"])
                    try? await Task.sleep(for: backoff.next())
                }
            }
        } onCancelOrGracefulShutdown: {
            self.stop()
        }
    }

    private func send(on connection: PostgresConnection) async throws {
        while let hints = await next() {
            try await connection.queryPrepared(
                "select pg_catalog.pg_notify('\(Self.channel)', h) from unnest($1::text[]) as h",
                [.textArray(hints.map { "\($0.key)\t\($0.value)" })], deadline: .seconds(5)
            )
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// What has come in since the last time; waits while there is nothing. Nil when stopped and empty.
    private func next() async -> [String: Int]? {
        while true {
            let taken: [String: Int]? = state.withLock { state in
                if state.waiting.isEmpty { return nil }
                defer { state.waiting = [:] }
                return state.waiting
            }
            if let taken { return taken }
            if isStopped { return nil }
            await withCheckedContinuation { continuation in
                let goOn = state.withLock { state in
                    if state.isStopped || !state.waiting.isEmpty { return true }
                    state.wake = continuation
                    return false
                }
                if goOn { continuation.resume() }
            }
        }
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    private func stop() {
        let wake = state.withLock { state in
            state.isStopped = true
            defer { state.wake = nil }
            return state.wake
        }
        wake?.resume()
    }
}
