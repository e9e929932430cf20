import ServiceLifecycle

extension HTTPTransport: Service {
    /// Lives until the group shuts down. List it before the services that send: the group ends them first.
    func run() async throws {
        // A cancelled group gets the same orderly end as one that shuts down gracefully.
        try? await gracefulShutdown()
        await shutdown()
    }
}
