import ArgumentParser
import LevqorPG

/// Where metrics and health are told.
struct AdminOptions: ParsableArguments {
    @Option(help: "Address of metrics and health (LEVQOR_ADMIN_HOST, 127.0.0.1).") var adminHost: String?
    @Option(help: "Port of metrics and health; 0: any free one (LEVQOR_ADMIN_PORT, 9464).") var adminPort: Int?

    func validate() throws { try Self.check(adminPort, "--admin-port") }

    func apply(to configuration: inout ServerConfiguration) {
        if let adminHost { configuration.adminHost = adminHost }
        if let adminPort { configuration.adminPort = adminPort }
    }

    static func check(_ port: Int?, _ option: String) throws {
        guard let port, !(0...65535).contains(port) else { return }
        throw ValidationError("\(option) is \(port): it must be a number from 0 to 65535")
    }
}
