import Foundation
public import Logging
import ServiceLifecycle

/// What the command line can ask for. Finds the database, or starts the embedded one, and does the work.
public struct Launcher: Sendable {
    /// A problem with what the person asked for, and what to do.
    public struct Refusal: Error, CustomStringConvertible {
        public let description: String
        public init(_ description: String) { self.description = description }
    }

    let configuration: ServerConfiguration
    let logger: Logger

    public init(_ configuration: ServerConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// A logger of JSON lines on standard error.
    public static func makeLogger(level: String) throws -> Logger {
        guard let level = Logger.Level(rawValue: level) else {
            throw Refusal("LEVQOR_LOG_LEVEL: must be trace, debug, info, notice, warning, error or critical")
        }
        return Logger(label: "levqor") { JSONLogHandler(label: $0, level: level) }
    }

    /// Serves until told to stop; migrates an embedded database first.
    public func serve() async throws {
        let masterKey = try loadMasterKey()
        if let url = configuration.databaseURL {
            try await verify(url)
            try await runServer(url: url, masterKey: masterKey, extra: [])
            return
        }
        let cluster = EmbeddedCluster(directory: configuration.directory, logger: logger)
        let endpoint = try await cluster.start()
        do {
            try await deploy(to: endpoint.connectionString, prune: false)
            try await runServer(url: endpoint.connectionString, masterKey: masterKey, extra: [cluster])
        } catch {
            await cluster.stop()
            throw error
        }
    }

    /// Brings the database to the state of the sql folder; tells what was done, line by line.
    public func migrate(prune: Bool, dryRun: Bool) async throws -> [String] {
        try await withDatabase(configuration.deployURL ?? configuration.databaseURL) { url in
            if dryRun { return ["\(try await makeMigrator(url).plan())"] }
            return try await deploy(to: url, prune: prune)
        }
    }

    /// Makes an API key; gives its text, which is shown this once.
    ///
    /// - Parameter account: an account's id, or operator.
    public func createKey(name: String, scopes: [String], account: String) async throws -> String {
        try await withDatabase(configuration.deployURL ?? configuration.databaseURL) { url in
            let connection = try await PostgresConnection.connect(PostgresConfiguration(url), logger: logger)
            do {
                try await connection.query("set role levqor_owner")
                try await connection.query("set levqor.machinery = 'on'")
                let result = try await connection.query(
                    """
                    select key from keys.create_key(
                        case $1 when 'operator' then identity.operator_account() else core.read_id('acct', $1) end, $2,
                        $3::text[])
                    """,
                    [.text(account), .text(name), .textArray(scopes)]
                )
                await connection.close()
                guard let key = result.first?.string(0) else { throw Refusal("no key was made") }
                return key
            } catch let error as PostgresError where error.constraint == "api_key_scopes_are_known_check" {
                let rule = try? await connection.query(
                    "select pg_catalog.pg_get_constraintdef(oid) from pg_catalog.pg_constraint where conname = $1",
                    [.text(error.constraint ?? "")]
                ).first?.string(0)
                await connection.close()
                throw Refusal("not every scope of \(scopes.joined(separator: ",")) is known: \(rule ?? "")")
            } catch {
                // An embedded cluster is not stopped while somebody is connected.
                await connection.close()
                throw error
            }
        }
    }

    /// Derives a signing secret by its name, from a master key that exists.
    public func secret(name: String) throws -> String {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts[0] == "webhook" else {
            throw Refusal("\(name): the name of a secret is webhook/ACCOUNT-UUID/GENERATION")
        }
        // Another spelling of the same would be another secret.
        guard UUID(uuidString: parts[1])?.uuidString.lowercased() == parts[1] else {
            throw Refusal("\(parts[1]): must be the account's UUID in lower case with its hyphens, not its acct_ id")
        }
        guard let generation = Int(parts[2]), generation >= 1, String(generation) == parts[2] else {
            throw Refusal("\(parts[2]): the generation must be a number from 1")
        }
        return try DerivedSecret.make(from: loadMasterKey(mayCreate: false), name: name).text
    }

    /// Starts the embedded cluster and leaves it running; gives its URL.
    public func startCluster() async throws -> String {
        try await EmbeddedCluster(directory: configuration.directory, logger: logger).start().connectionString
    }

    /// Stops the embedded cluster, unless somebody uses it.
    public func stopCluster() async throws {
        try requireCluster()
        let cluster = EmbeddedCluster(directory: configuration.directory, logger: logger)
        _ = try await cluster.start()
        await cluster.stop()
    }

    /// Says how the embedded cluster is, without starting it.
    public func clusterStatus() throws -> String {
        try requireCluster()
        let text = (try? String(contentsOfFile: configuration.directory + "/url", encoding: .utf8)) ?? "not known"
        return "made; its URL while it runs: \(text.trimmingCharacters(in: .whitespacesAndNewlines))"
    }

    private func requireCluster() throws {
        guard EmbeddedCluster.isMade(in: configuration.directory) else {
            throw Refusal("no cluster has been made in \(configuration.directory)")
        }
    }

    private func runServer(url: String, masterKey: MasterKey, extra: [any Service]) async throws {
        let server = LevqorServer(
            configuration: configuration, databaseURL: url, masterKey: masterKey, logger: logger, extraServices: extra
        )
        let file = configuration.directory + "/server.json"
        let logger = logger
        try? FileManager.default.createDirectory(atPath: configuration.directory, withIntermediateDirectories: true)
        defer {
            // Another server on this directory may have written its own since.
            let text = try? String(contentsOfFile: file, encoding: .utf8)
            let facts = text.flatMap { try? JSONParser.parse($0) }
            if facts?["pid"].map(JSONText.string) == "\(getpid())" { try? FileManager.default.removeItem(atPath: file) }
        }
        try await server.run { url, adminURL in
            logger.notice("serving", metadata: ["url": "\(url ?? "none")", "admin_url": "\(adminURL)"])
            if let url { Self.tell(url, adminURL, in: file, logger) }
            // The log is for machines; this line is for the person who started it.
            let what = url.map { "serves at \($0)" } ?? "runs the outbox and the clock"
            let line = "levqor-server \(LevqorServer.version) \(what) (metrics and health at \(adminURL))\n"
            FileHandle.standardOutput.write(Data(line.utf8))
        }
    }

    /// Runs work on a configured database, or on the embedded one, which is left as it was found.
    private func withDatabase<R: Sendable>(_ url: String?, _ work: (String) async throws -> R) async throws -> R {
        if let url { return try await work(url) }
        let cluster = EmbeddedCluster(directory: configuration.directory, logger: logger)
        let endpoint = try await cluster.start()
        do {
            let result = try await work(endpoint.connectionString)
            // One that runs already, because a server or a person started it, goes on running.
            if endpoint.weStartedIt { await cluster.stop() }
            return result
        } catch {
            if endpoint.weStartedIt { await cluster.stop() }
            throw error
        }
    }

    private func loadMasterKey(mayCreate: Bool = true) throws -> MasterKey {
        if let key = configuration.masterKey { return key }
        guard configuration.databaseURL == nil else {
            throw Refusal(
                "LEVQOR_MASTER_KEY is needed with LEVQOR_DATABASE_URL: make one with `openssl rand -hex 32` and keep it"
            )
        }
        let file = configuration.directory + "/master.key"
        guard mayCreate else { return try MasterKey.load(from: file) }
        try FileManager.default.createDirectory(atPath: configuration.directory, withIntermediateDirectories: true)
        return try MasterKey.loadOrCreate(at: file)
    }

    /// Writes where the server is, for people and programs that have its folder.
    private static func tell(_ url: String, _ adminURL: String, in file: String, _ logger: Logger) {
        let facts = JSONValue.object([
            ("pid", .int(Int(getpid()))), ("url", .string(url)), ("admin_url", .string(adminURL)),
            ("started_at", .string(WallClock.now().text)),
        ])
        do {
            try Data(JSONText.encode(facts)).write(to: URL(fileURLWithPath: file), options: .atomic)
        } catch {
            logger.info("server.json could not be written", metadata: ["path": "\(file)"])
        }
    }
}
