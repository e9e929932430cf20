import Foundation
public import Logging

/// Deploying, and what is found out before a server starts.
extension Launcher {
    /// Refuses a database that this build cannot work with, with the command that mends it.
    func verify(_ url: String) async throws {
        // The files are compared where the server has them at hand.
        let files = try Self.findSQL(configured: configuration.sqlDirectory).map { try DeployFiles.read($0) }
        var database = PostgresConfiguration(url, applicationName: "levqor-server-check")
        database.settings = ["role": "levqor_server"]
        let connection = try await PostgresConnection.connect(database, logger: logger)
        let verdict: Deployment.Verdict
        do {
            verdict = try await Deployment.verify(connection, files: files)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
        if case .usable(let sentence) = verdict { logger.warning("\(sentence)") }
    }

    /// Deploys the sql folder; gives one line a step.
    @discardableResult
    func deploy(to url: String, prune: Bool) async throws -> [String] {
        let lines = Locked<[String]>([])
        let logger = logger
        let migrator = try makeMigrator(url) { event in
            logger.info("deploy: \(event)")
            lines.withLock { $0.append("\(event)") }
        }
        let report = try await migrator.run(prune: prune)
        return lines.withLock { $0 } + ["\(report)"]
    }

    func makeMigrator(_ url: String, tell: @escaping DeployEventHandler = { _ in }) throws -> Migrator {
        Migrator(
            databaseURL: url, sqlDirectory: try sqlDirectory(), environment: configuration.environment, logger: logger,
            tell: tell
        )
    }

    /// Looks at configuration, rights and versions. Takes the environment unread, so that a wrong value is a finding.
    ///
    /// - Returns: lines for a person, and whether there is no error among them.
    public static func check(
        environment variables: [String: String], directory: String, logger: Logger
    ) async throws -> (lines: [String], isFine: Bool) {
        let configured = variables["LEVQOR_DATABASE_URL"].flatMap { $0.isEmpty ? nil : $0 }
        let isMade = configured == nil && EmbeddedCluster.isMade(in: directory)
        let cluster = isMade ? EmbeddedCluster(directory: directory, logger: logger) : nil
        let endpoint = try await cluster?.start()
        var found: [CheckFinding] = []
        var sqlDirectory: String?
        do {
            sqlDirectory = try findSQL(configured: variables["LEVQOR_SQL_DIRECTORY"].flatMap { $0.isEmpty ? nil : $0 })
        } catch {
            found.append(.error("\(error).", ""))
        }
        if configured == nil, !isMade {
            found.append(.info("No embedded PostgreSQL was made in \(directory) yet: the first start makes it."))
        }
        let checker = Checker(
            variables: variables, databaseURL: configured ?? endpoint?.connectionString, isEmbedded: configured == nil,
            sqlDirectory: sqlDirectory, logger: logger
        )
        let findings = await checker.run() + found
        // One that runs already goes on running.
        if endpoint?.weStartedIt == true { await cluster?.stop() }
        return (findings.lines, findings.isFine)
    }

    private func sqlDirectory() throws -> String {
        guard let found = try Self.findSQL(configured: configuration.sqlDirectory) else {
            throw Refusal("no sql/install.sql is here: set LEVQOR_SQL_DIRECTORY to the folder sql of LevqorPG")
        }
        return found
    }

    /// The folder that holds install.sql: ./sql, or the one beside an installed binary, or nil; where one is configured,
    /// that one and no other.
    private static func findSQL(configured: String?) throws -> String? {
        let binary = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        let candidates =
            configured.map { [$0] } ?? [
                "sql", binary.appendingPathComponent("../share/levqor/sql").path,
            ]
        let found = candidates.first { FileManager.default.fileExists(atPath: $0 + "/install.sql") }
        if found == nil, let configured {
            throw Refusal("LEVQOR_SQL_DIRECTORY: no install.sql is in \(configured), or it cannot be read")
        }
        return found
    }
}
