public import Logging
import ServiceLifecycle

extension Launcher {
    /// Runs a worker until it is told to stop, or as long as its options say.
    public static func work(_ options: WorkOptions, logger: Logger) async throws {
        var group = ServiceGroupConfiguration(
            services: [
                .init(service: Worker(options, logger: logger), successTerminationBehavior: .gracefullyShutdownGroup)
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        )
        // Beyond what the worker itself allows: it gives back what it holds.
        group.maximumGracefulShutdownDuration = .seconds(options.finishSeconds + options.killSeconds + 15)
        do {
            try await ServiceGroup(configuration: group).run()
        } catch let refusal as WorkRefusal {
            throw Refusal("\(options.url) gives no work to \(options.name): \(refusal)")
        }
    }
}
