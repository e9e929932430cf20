import Foundation
public import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// `levqor-server check`: looks at configuration, rights and versions, and says in plain words what is wrong.
///
/// It changes nothing. A part that cannot be looked at because an earlier one is broken is left out.
public struct Checker: Sendable {
    let settings: CheckedSettings
    let databaseURL: String?
    let listenURL: String?
    let replicaURL: String?
    let deployURL: String?
    let sqlDirectory: String?
    let isRoot: Bool
    let release: DeployRelease
    let logger: Logger

    /// - Parameters:
    ///   - variables: the environment, unread, so that a wrong value is a finding and not the end.
    ///   - databaseURL: the database, whether configured or embedded; nil: an embedded one that is not made yet.
    ///   - isEmbedded: whether it is the server's own.
    ///   - sqlDirectory: the sql folder, where there is one.
    ///   - isRoot: whether the server would run as the superuser of this machine; nil asks the system.
    public init(
        variables: [String: String],
        databaseURL: String?,
        isEmbedded: Bool,
        sqlDirectory: String?,
        isRoot: Bool? = nil,
        release: DeployRelease = .current,
        logger: Logger
    ) {
        settings = CheckedSettings(variables: variables, isEmbedded: isEmbedded)
        self.databaseURL = databaseURL
        listenURL = isEmbedded ? nil : variables["LEVQOR_LISTEN_URL"].flatMap { $0.isEmpty ? nil : $0 }
        replicaURL = variables["LEVQOR_REPLICA_URL"].flatMap { $0.isEmpty ? nil : $0 }
        deployURL = isEmbedded ? nil : variables["LEVQOR_DEPLOY_URL"].flatMap { $0.isEmpty ? nil : $0 }
        self.sqlDirectory = sqlDirectory
        self.isRoot = isRoot ?? (geteuid() == 0)
        self.release = release
        self.logger = logger
    }

    /// Everything that was found, in the order of looking.
    public func run() async -> [CheckFinding] {
        var findings = settings.findings
        if isRoot {
            findings.append(
                .warning("The server runs as root, and needs none of its rights.", "Run it as a user of its own.")
            )
        }
        findings += ports()
        if let databaseURL { findings += await database(databaseURL) }
        return findings
    }

    private func ports() -> [CheckFinding] {
        settings.endpoints.map { variable, host, port in
            switch PortProbe.look(host: host, port: port) {
            case .free: .ok("Port \(port) of \(host) is free.")
            case .taken:
                .warning(
                    "Port \(port) of \(host) is in use.",
                    "If that is no levqor-server of yours, choose another port with \(variable)."
                )
            case .refused(let reason):
                .error(
                    "The server cannot listen on port \(port) of \(host): \(reason).",
                    "Choose another with \(variable).")
            }
        }
    }

    private func database(_ databaseURL: String) async -> [CheckFinding] {
        var findings: [CheckFinding] = []
        do {
            let facts = try await ask(databaseURL) { try await DatabaseFacts.read($0) }
            findings += facts.findings(isEmbedded: settings.isEmbedded, connections: settings.connections)
            if facts.mayBeServer == true { findings.append(await deployment(databaseURL)) }
        } catch {
            let place = PostgresConfiguration(databaseURL).redactedDescription
            return findings + [
                .error(
                    "The database cannot be reached (\(place)): \(Self.words(error)).",
                    "Check LEVQOR_DATABASE_URL and that PostgreSQL runs and lets this machine in."
                )
            ]
        }
        findings.append(await listening(listenURL ?? databaseURL))
        if let replicaURL { findings.append(await reading(replicaURL)) }
        if let deployURL { findings.append(await deploying(deployURL)) }
        return findings
    }

    /// As the server would at its start.
    private func deployment(_ databaseURL: String) async -> CheckFinding {
        do {
            let files = try sqlDirectory.map { try DeployFiles.read($0) }
            let verdict = try await ask(databaseURL, settings: ["role": "levqor_server"]) {
                try await Deployment.verify($0, files: files, release: release)
            }
            switch verdict {
            case .current: return .ok("The database is as this server's files are (version \(release.version)).")
            case .usable(let sentence): return .warning(sentence, "Nothing, if you know why.")
            }
        } catch let error as DeployError {
            let place = error.file.map { "sql/\($0): " } ?? ""
            return .error("\(place)\(error.message).", error.advice)
        } catch {
            return .error(
                "The server cannot connect as levqor_server: \(Self.words(error)).",
                "Check that the login may SET ROLE levqor_server, and that what stands in between passes start-up options on."
            )
        }
    }

    private func listening(_ url: String) async -> CheckFinding {
        let direct = "Set LEVQOR_LISTEN_URL to an address of PostgreSQL itself, or of a pool in session mode."
        do {
            return try await ask(url) { connection in
                if try await connection.detectsTransactionPooler() {
                    return .error("A transaction pooler stands before LISTEN, which hears nothing there.", direct)
                }
                return try await hearsItself(connection)
                    ? .ok("LISTEN works.")
                    : .error("LISTEN hears nothing: its own notification did not come back.", direct)
            }
        } catch {
            return .error(
                "The connection for LISTEN does not work: \(Self.words(error)).",
                listenURL == nil ? direct : "Check LEVQOR_LISTEN_URL."
            )
        }
    }

    private func hearsItself(_ connection: PostgresConnection) async throws -> Bool {
        let channel = "levqor_check_\(connection.backendPID)"
        try await connection.query("listen \(channel)", deadline: .seconds(5))
        try await connection.query("select pg_catalog.pg_notify($1, '')", [.text(channel)], deadline: .seconds(5))
        return try await connection.notifications(waiting: .seconds(5)).contains { $0.channel == channel }
    }

    private func deploying(_ url: String) async -> CheckFinding {
        do {
            let may = try await ask(url) { connection in
                try await connection.query(
                    """
                    select r.rolsuper or r.rolcreaterole or exists (
                        select from pg_catalog.pg_roles as o
                        where o.rolname = 'levqor_owner' and pg_catalog.pg_has_role(o.oid, 'member')
                    )
                    from pg_catalog.pg_roles as r
                    where r.rolname = session_user
                    """,
                    deadline: .seconds(10)
                ).first?.bool(0)
            }
            return may == true
                ? .ok("LEVQOR_DEPLOY_URL may deploy.")
                : .error(
                    "The login of LEVQOR_DEPLOY_URL may not work as levqor_owner.",
                    "Grant it levqor_owner, or for a first deploy CREATEROLE and CREATE on the database."
                )
        } catch {
            return .error("LEVQOR_DEPLOY_URL cannot be used: \(Self.words(error)).", "Check it, or leave it out.")
        }
    }

    /// Runs `body` on a connection of its own.
    func ask<R: Sendable>(
        _ url: String,
        settings: [String: String] = [:],
        _ body: (PostgresConnection) async throws -> R
    ) async throws -> R {
        let configuration = PostgresConfiguration(url, applicationName: "levqor-check", settings: settings)
        let connection = try await PostgresConnection.connect(configuration, logger: logger)
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// What an error says, for the middle of a sentence.
    static func words(_ error: any Error) -> String {
        let text = (error as? PostgresError)?.message ?? "\(error)"
        return text.split(separator: "\n").joined(separator: "; ")
    }
}
