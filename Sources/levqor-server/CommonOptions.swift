import ArgumentParser
import Foundation
import LevqorPG

/// Options that every command takes.
struct CommonOptions: ParsableArguments {
    @Option(help: "Folder of the embedded cluster, the master key and server.json (LEVQOR_DIRECTORY).")
    var directory: String?

    /// The settings, with what the command line overrides.
    func configuration() throws -> ServerConfiguration {
        var configuration = try ServerConfiguration(environment: ProcessInfo.processInfo.environment)
        if let directory { configuration.directory = directory }
        return configuration
    }

    func launcher(_ configuration: ServerConfiguration? = nil, quiet: Bool = true) throws -> Launcher {
        let configuration = try configuration ?? self.configuration()
        var logger = try Launcher.makeLogger(level: configuration.logLevel)
        // A command's own output is for people; of the log they need what went wrong.
        if quiet { logger.logLevel = max(logger.logLevel, .warning) }
        return Launcher(configuration, logger: logger)
    }
}
