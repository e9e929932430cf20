/// The check at a server's start: does this database fit this build?
enum Deployment {
    /// What fits, and what an operator should know.
    enum Verdict: Sendable, Equatable {
        case current
        /// It works; the sentence tells what differs.
        case usable(String)
    }

    /// What `core.deployment_state()` tells a server.
    struct State: Sendable, Equatable {
        var version: String?
        var breakingLevel: Int
        var digests: [String]
        var migrations: [Int]
    }

    /// Asks the database and judges. Needs no more than the role levqor_server.
    ///
    /// - Parameter files: what this build's sql folder holds, where the server has it at hand.
    /// - Throws: `DeployError` `.behind` or `.ahead`, with the command that mends it.
    static func verify(
        _ connection: PostgresConnection,
        files: DeployFiles? = nil,
        release: DeployRelease = .current
    ) async throws -> Verdict {
        do {
            let result = try await connection.query(
                """
                select s.product_version, s.breaking_level, array_to_string(s.digests, ' '),
                    array_to_string(s.migrations, ' ')
                from core.deployment_state() as s
                """,
                deadline: .seconds(30)
            )
            guard let row = result.first else { throw missing("it does not say what is deployed") }
            let state = State(
                version: row.string(0),
                breakingLevel: row.int(1) ?? 1,
                digests: (row.string(2) ?? "").split(separator: " ").map(String.init),
                migrations: (row.string(3) ?? "").split(separator: " ").compactMap { Int($0) }
            )
            return try judge(state, files: files.map(FileFacts.init), release: release)
        } catch let error as PostgresError where error.code == .server {
            switch error.sqlstate {
            case "3F000": throw missing("it has no schema core")
            case "42883": throw missing("it has no function core.deployment_state()")
            case "42501":
                throw DeployError(
                    .behind, "this login may not ask what is deployed",
                    advice: "As a superuser: grant levqor_server to LOGIN; and run levqor-server migrate."
                )
            default: throw error
            }
        }
    }

    /// What is compared of the files.
    struct FileFacts: Sendable, Equatable {
        var digest: String
        var migrations: [Int: String]

        init(digest: String, migrations: [Int: String]) {
            self.digest = digest
            self.migrations = migrations
        }

        init(_ files: DeployFiles) {
            digest = files.digest
            migrations = Dictionary(uniqueKeysWithValues: files.migrations.map { ($0.number, $0.label) })
        }
    }

    /// The judgement itself.
    static func judge(_ state: State, files: FileFacts?, release: DeployRelease) throws -> Verdict {
        guard !state.migrations.isEmpty else { throw missing("it was not installed to its end") }
        let deployed = state.version ?? "an unknown version"
        guard state.breakingLevel <= release.breakingLevel else {
            throw DeployError(
                .ahead,
                "the database was deployed by version \(deployed), which took a breaking step that version "
                    + "\(release.version) does not know",
                advice: "Install a newer server: \(deployed) or later."
            )
        }
        guard state.breakingLevel == release.breakingLevel else {
            throw behind("it has not taken a breaking step that version \(release.version) counts on")
        }
        guard let files else {
            return state.version == release.version
                ? .current
                : .usable("The database was deployed by \(deployed), this server is \(release.version).")
        }
        let lacking = files.migrations.filter { !state.migrations.contains($0.key) }.sorted { $0.key < $1.key }
        guard lacking.isEmpty else {
            throw behind("it has not taken \(lacking.map(\.value).joined(separator: ", "))")
        }
        if state.digests.last == files.digest { return .current }
        if state.digests.isEmpty {
            return .usable("The database was installed with psql; run levqor-server migrate to record what it holds.")
        }
        if state.digests.contains(files.digest) || state.migrations.contains(where: { files.migrations[$0] == nil }) {
            return .usable("The database has been deployed from newer files since, by \(deployed).")
        }
        throw behind("function files have changed since the last deploy")
    }

    private static func behind(_ reason: String) -> DeployError {
        DeployError(.behind, "the database is behind: \(reason)", advice: "Run levqor-server migrate.")
    }

    private static func missing(_ reason: String) -> DeployError {
        DeployError(
            .behind, "this is not a deployed LevqorPG database: \(reason)",
            advice: "Run levqor-server migrate, or correct LEVQOR_DATABASE_URL."
        )
    }
}
