import Foundation

/// Everything a server is told, read once from the environment and the command line.
public struct ServerConfiguration: Sendable {
    /// What is wrong with a setting, and what it should be.
    public struct InvalidSetting: Error, CustomStringConvertible {
        public let name: String
        public let reason: String
        public var description: String { "\(name): \(reason)" }
    }

    /// What this process does of the work.
    public var roles: Set<ServerRole>
    /// libpq URL of the database; nil: the embedded cluster.
    public var databaseURL: String?
    /// Direct URL for LISTEN, where databaseURL leads through a transaction pooler.
    public var listenURL: String?
    /// URL of a streaming standby for the routes that read the replica; nil: the primary answers them.
    public var replicaURL: String?
    /// URL of a login that may deploy.
    public var deployURL: String?
    public var host: String
    public var port: Int
    public var adminHost: String
    public var adminPort: Int
    /// production or development; nil: as the database has it.
    public var environment: String?
    /// Folder of the embedded cluster, the master key and server.json.
    public var directory: String
    public var sqlDirectory: String?
    public var connections: Int
    /// Seconds between ready turning false and the public address closing.
    public var drainSeconds: Int
    public var logLevel: String
    var masterKey: MasterKey?
    var trustedProxies: [CIDR]
    var allowedNetworks: [CIDR]
    var corsOrigins: Set<String>
    var certificateAuthorityFile: String?
    var mail: MailConfiguration
    /// Secrets of others, which signers name.
    var credentials: Credentials

    /// Reads the environment.
    ///
    /// - Throws: `InvalidSetting` with the name of the variable.
    public init(environment variables: [String: String]) throws {
        func text(_ name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }
        func number(_ name: String, _ fallback: Int, _ range: ClosedRange<Int>) throws -> Int {
            guard let text = text(name) else { return fallback }
            guard let number = Int(text), range.contains(number) else {
                throw InvalidSetting(
                    name: name, reason: "must be a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        func networks(_ name: String) throws -> [CIDR] {
            do { return try CIDR.list(text(name) ?? "") } catch { throw InvalidSetting(name: name, reason: "\(error)") }
        }
        roles = try ServerRole.read(text("LEVQOR_ROLES"))
        databaseURL = text("LEVQOR_DATABASE_URL")
        listenURL = text("LEVQOR_LISTEN_URL")
        replicaURL = text("LEVQOR_REPLICA_URL")
        deployURL = text("LEVQOR_DEPLOY_URL")
        host = text("LEVQOR_HOST") ?? "127.0.0.1"
        port = try number("LEVQOR_PORT", 8080, 0...65535)
        adminHost = text("LEVQOR_ADMIN_HOST") ?? "127.0.0.1"
        adminPort = try number("LEVQOR_ADMIN_PORT", 9464, 0...65535)
        environment = text("LEVQOR_ENVIRONMENT")
        if let environment, !["production", "development"].contains(environment) {
            throw InvalidSetting(name: "LEVQOR_ENVIRONMENT", reason: "must be production or development")
        }
        directory = text("LEVQOR_DIRECTORY") ?? ".levqor"
        sqlDirectory = text("LEVQOR_SQL_DIRECTORY")
        connections = try number("LEVQOR_CONNECTIONS", 4, 1...64)
        drainSeconds = try number("LEVQOR_DRAIN_SECONDS", 0, 0...15)
        logLevel = text("LEVQOR_LOG_LEVEL") ?? "info"
        do {
            masterKey = try text("LEVQOR_MASTER_KEY").map { try MasterKey($0) }
        } catch {
            throw InvalidSetting(
                name: "LEVQOR_MASTER_KEY", reason: "must be at least 32 bytes in hex or base64 (openssl rand -hex 32)")
        }
        trustedProxies = try networks("LEVQOR_TRUSTED_PROXIES")
        allowedNetworks = try networks("LEVQOR_ALLOWED_NETWORKS")
        corsOrigins = Set((text("LEVQOR_CORS_ORIGINS") ?? "").split { $0 == "," || $0 == " " }.map(String.init))
        for origin in corsOrigins where !Self.isOrigin(origin) {
            throw InvalidSetting(
                name: "LEVQOR_CORS_ORIGINS", reason: "\(origin) is no origin; write https://app.example.com")
        }
        certificateAuthorityFile = text("LEVQOR_CA_FILE")
        credentials = Credentials(environment: variables)
        do {
            mail = try MailConfiguration(environment: variables)
        } catch {
            throw InvalidSetting(name: error.name, reason: error.reason)
        }
    }

    /// Scheme, host and perhaps a port, as browsers write it: lower case, and nothing behind.
    private static func isOrigin(_ text: String) -> Bool {
        let schemes = ["https://", "http://"]
        guard let scheme = schemes.first(where: text.hasPrefix) else { return false }
        let host = text.dropFirst(scheme.count)
        return !host.isEmpty && host == host.lowercased() && !host.contains { "/?#@*".contains($0) }
    }
}
