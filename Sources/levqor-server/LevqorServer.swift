import ArgumentParser
import Foundation
import LevqorPG
import Logging

@main
struct LevqorServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "levqor-server",
        abstract: "The LevqorPG server: HTTP in front of functions in PostgreSQL.",
        discussion: "Settings come from the environment; .env.template lists them all.",
        version: LevqorPG.LevqorServer.version,
        subcommands: [
            Serve.self, Migrate.self, Check.self, Cluster.self, Key.self, Secret.self, Version.self, BenchValidate.self,
        ],
        defaultSubcommand: Serve.self
    )

    /// As ArgumentParser's own, but an error of the database is told whole.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            exit(withError: Launcher.explain(error))
        }
    }
}

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

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve. Without LEVQOR_DATABASE_URL, on a private PostgreSQL that is started and migrated first."
    )
    @OptionGroup var common: CommonOptions
    @Option(help: "Address to listen on (LEVQOR_HOST, 127.0.0.1).") var host: String?
    @Option(help: "Port to listen on; 0: any free one (LEVQOR_PORT, 8080).") var port: Int?
    @Option(help: "Port of metrics and health; 0: any free one (LEVQOR_ADMIN_PORT, 9464).") var adminPort: Int?

    func validate() throws {
        for (option, port) in [("--port", port), ("--admin-port", adminPort)] {
            guard let port, !(0...65535).contains(port) else { continue }
            throw ValidationError("\(option) is \(port): it must be a number from 0 to 65535")
        }
    }

    func run() async throws {
        var configuration = try common.configuration()
        if let host { configuration.host = host }
        if let port { configuration.port = port }
        if let adminPort { configuration.adminPort = adminPort }
        try await common.launcher(configuration, quiet: false).serve()
    }
}

struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Bring the database to the state of the sql folder.")
    @OptionGroup var common: CommonOptions
    @Flag(help: "Also remove functions, views and routes that left the files.") var prune = false
    @Flag(help: "Only say what would be done.") var dryRun = false

    func run() async throws {
        for line in try await common.launcher().migrate(prune: prune, dryRun: dryRun) { print(line) }
    }
}

struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check configuration, rights and versions, in plain words."
    )
    @OptionGroup var common: CommonOptions

    func run() async throws {
        let variables = ProcessInfo.processInfo.environment
        let (lines, isFine) = try await Launcher.check(
            environment: variables, directory: common.directory ?? variables["LEVQOR_DIRECTORY"] ?? ".levqor",
            logger: try Launcher.makeLogger(level: "error")
        )
        for line in lines { print(line) }
        if !isFine { throw ExitCode.failure }
    }
}

struct Cluster: AsyncParsableCommand {
    enum Action: String, ExpressibleByArgument, CaseIterable { case start, stop, status, url }
    static let configuration = CommandConfiguration(
        abstract: "The embedded PostgreSQL: start it and leave it running, stop it, or print its URL for psql."
    )
    @OptionGroup var common: CommonOptions
    @Argument(help: "start, stop, status or url.") var action: Action

    func run() async throws {
        let launcher = try common.launcher()
        switch action {
        case .start, .url: print(try await launcher.startCluster())
        case .stop: try await launcher.stopCluster()
        case .status: print(try launcher.clusterStatus())
        }
    }
}

struct Key: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "API keys.", subcommands: [Create.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make an API key and print its text, this once.")
        @OptionGroup var common: CommonOptions
        @Option(help: "What the key is called.") var name: String
        @Option(help: "Scopes, divided by commas.")
        var scopes = "platform,admin,jobs:submit,jobs:read,jobs:work,keys:manage"
        @Option(help: "Account that owns it: acct_… or operator.") var account = "operator"

        func run() async throws {
            let scopes = scopes.split(separator: ",").map(String.init)
            print(try await common.launcher().createKey(name: name, scopes: scopes, account: account))
        }
    }
}

struct Secret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Derive a signing secret, such as webhook/ACCOUNT-UUID/1."
    )
    @OptionGroup var common: CommonOptions
    @Argument(help: "Name of the secret.") var name: String

    func run() async throws { print(try common.launcher().secret(name: name)) }
}

struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the version.")
    func run() { print(LevqorPG.LevqorServer.version) }
}

struct BenchValidate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the validation of a body: microseconds to parse and to validate it, as JSON.",
        shouldDisplay: false
    )
    @Argument(help: "File of the JSON Schema.") var schema: String
    @Argument(help: "File of the body.") var body: String
    @Argument(help: "How many times.") var count: Int

    func validate() throws {
        guard count > 0 else { throw ValidationError("the count is \(count): it must be at least 1") }
    }

    func run() throws { print(try Launcher.measureValidation(schema: schema, body: body, count: count)) }
}
