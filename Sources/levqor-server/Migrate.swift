import ArgumentParser
import LevqorPG

/// `levqor-server migrate`
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Bring the database to the state of the sql folder.")
    @OptionGroup var common: CommonOptions
    @Flag(help: "Also remove functions, views and routes that left the files.") var prune = false
    @Flag(help: "Only say what would be done.") var dryRun = false

    func run() async throws {
        for line in try await common.launcher().migrate(prune: prune, dryRun: dryRun) { print(line) }
    }
}
