import ArgumentParser
import LevqorPG

/// `levqor-server version`
struct Version: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print the version.")
    func run() { print(LevqorPG.LevqorServer.version) }
}
