import Logging
import ServiceLifecycle

/// Hears the hints of other servers and of psql sessions, on the one listening connection of this process.
final class HintListener: Service {
    private let listener: PostgresListener
    private let hub: HintHub
    private let notifier: HintNotifier
    private let routes: RouteStore
    private let refusals: RefusalMemory
    private let heartbeats: Heartbeats
    private let logger: Logger
    private let connected = Locked(false)

    private static let loop = "listen"

    init(
        listener: PostgresListener, hub: HintHub, notifier: HintNotifier, routes: RouteStore, refusals: RefusalMemory,
        heartbeats: Heartbeats, logger: Logger
    ) {
        self.listener = listener
        self.hub = hub
        self.notifier = notifier
        self.routes = routes
        self.refusals = refusals
        self.heartbeats = heartbeats
        self.logger = logger
        heartbeats.expect(Self.loop, within: .seconds(60))
    }

    /// Whether hints of others are heard just now.
    var isConnected: Bool { connected.withLock { $0 } }

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await self.listener.run(alive: { self.heartbeats.beat(Self.loop) }) { event in
                switch event {
                case .connected:
                    self.connected.withLock { $0 = true }
                    // Anything may have been missed: everybody looks for himself.
                    self.refusals.forgetAll()
                    await self.routes.reload()
                    self.hub.postAll()
                case .notification(_, let payload, let pid):
                    if self.notifier.isOwn(pid) { return }
                    guard let hint = Hint(payload[...]) else { return }
                    if hint.topic == RefusalMemory.topic { self.refusals.forgetAll() }
                    if hint.topic == "routes" { await self.routes.reload() }
                    self.hub.post(hint)
                case .disconnected(let error):
                    self.connected.withLock { $0 = false }
                    self.logger.warning("hints are not heard; polling goes on", metadata: ["error": "\(error)"])
                }
            }
        }
    }
}
