import ArgumentParser
import Foundation
import LevqorPG

/// `levqor-server check`
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
