import ArgumentParser
import LevqorPG

/// `levqor-server react`
struct React: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the outbox and the clock only; of HTTP, metrics and health (LEVQOR_ROLES=reactor)."
    )
    @OptionGroup var common: CommonOptions
    @OptionGroup var admin: AdminOptions

    func run() async throws {
        var configuration = try common.configuration()
        configuration.roles = [.reactor]
        admin.apply(to: &configuration)
        try await common.launcher(configuration, quiet: false).serve()
    }
}
