import ArgumentParser
import LevqorPG

/// `levqor-server serve`
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve. Without LEVQOR_DATABASE_URL, on a private PostgreSQL that is started and migrated first."
    )
    @OptionGroup var common: CommonOptions
    @Option(help: "Address to listen on (LEVQOR_HOST, 127.0.0.1).") var host: String?
    @Option(help: "Port to listen on; 0: any free one (LEVQOR_PORT, 8080).") var port: Int?
    @OptionGroup var admin: AdminOptions
    @Flag(help: "Answer HTTP only: no outbox and no clock, which another process sees to (LEVQOR_ROLES=http).")
    var noReactor = false

    func validate() throws { try AdminOptions.check(port, "--port") }

    func run() async throws {
        var configuration = try common.configuration()
        if let host { configuration.host = host }
        if let port { configuration.port = port }
        if noReactor { configuration.roles = [.http] }
        admin.apply(to: &configuration)
        try await common.launcher(configuration, quiet: false).serve()
    }
}
