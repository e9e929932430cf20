import ServiceLifecycle

/// Wakes the parked requests when the server stops, and holds its addresses open for a while after.
struct HubService: Service {
    let hub: HintHub
    /// How long those who ask for ready are told that it is not, before they find the address closed.
    let drain: Duration

    func run() async throws {
        try? await gracefulShutdown()
        hub.stop()
        try? await Task.sleep(for: drain)
    }
}
