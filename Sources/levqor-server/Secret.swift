import ArgumentParser
import LevqorPG

/// `levqor-server secret`
struct Secret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Derive a signing secret, such as webhook/ACCOUNT-UUID/1."
    )
    @OptionGroup var common: CommonOptions
    @Argument(help: "Name of the secret.") var name: String

    func run() async throws { print(try common.launcher().secret(name: name)) }
}
