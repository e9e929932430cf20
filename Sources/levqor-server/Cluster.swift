import ArgumentParser
import LevqorPG

/// `levqor-server cluster`
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
