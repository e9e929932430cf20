import ServiceLifecycle

/// Wakes the parked requests when the server stops.
struct HubService: Service {
    let hub: HintHub

    func run() async throws {
        try? await gracefulShutdown()
        hub.stop()
    }
}
