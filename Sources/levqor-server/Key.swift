import ArgumentParser
import LevqorPG

/// `levqor-server key`
struct Key: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "API keys.", subcommands: [Create.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make an API key and print its text, this once.")
        @OptionGroup var common: CommonOptions
        @Option(help: "What the key is called.") var name: String
        @Option(help: "Scopes, divided by commas.")
        var scopes = "platform,admin,jobs:submit,jobs:read,jobs:work,events:write,analytics:read,keys:manage"
        @Option(help: "Account that owns it: acct_… or operator.") var account = "operator"

        func run() async throws {
            let scopes = scopes.split(separator: ",").map(String.init)
            print(try await common.launcher().createKey(name: name, scopes: scopes, account: account))
        }
    }
}
