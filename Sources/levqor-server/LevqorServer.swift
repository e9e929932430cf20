import ArgumentParser
import LevqorPG

@main
struct LevqorServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "levqor-server",
        abstract: "The LevqorPG server: HTTP in front of functions in PostgreSQL.",
        discussion: "Settings come from the environment; .env.template lists them all.",
        version: LevqorPG.LevqorServer.version,
        subcommands: [
            Serve.self, React.self, Work.self, Migrate.self, Check.self, Cluster.self, Key.self, Secret.self,
            Version.self, BenchValidate.self,
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
