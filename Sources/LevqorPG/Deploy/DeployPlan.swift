/// What a deploy would do, made from the files and what the database has recorded. Making it is pure.
public struct DeployPlan: Sendable {
    /// Why a function file is replayed.
    enum Reason: String, Sendable {
        case new, changed
        case objectMissing = "something it makes is missing"
    }

    struct Replay: Sendable {
        let file: SQLFile
        let reason: Reason
    }

    /// Nothing of the product is there: everything is made in one transaction.
    let isFresh: Bool
    let migrations: [MigrationFile]
    let replays: [Replay]
    /// Migrations that psql recorded, whose checksum is now added.
    let unchecked: [MigrationFile]
    /// What earlier deploys made and no file makes now, in the order of removal.
    let orphans: [DeployedObject]
    /// Sentences a person should read.
    let notices: [String]

    /// Whether the database is as the files are.
    public var isEmpty: Bool {
        !isFresh && migrations.isEmpty && replays.isEmpty && unchecked.isEmpty
    }

    /// Compares files and database.
    ///
    /// - Throws: `.mismatch` and `.ahead`, with what mends it.
    static func make(_ files: DeployFiles, _ state: DeployedState) throws -> DeployPlan {
        guard state.isPresent else {
            return DeployPlan(
                isFresh: true, migrations: [], replays: files.functions.map { Replay(file: $0, reason: .new) },
                unchecked: [], orphans: [], notices: []
            )
        }
        try checkLevel(files, state)
        let pending = try pendingMigrations(files, state)
        let replays = files.functions.compactMap { file in reason(file, state).map { Replay(file: file, reason: $0) } }
        return DeployPlan(
            isFresh: false,
            migrations: pending,
            replays: replays,
            unchecked: files.migrations.filter { state.migrations[$0.number].map { $0.checksum == nil } ?? false },
            orphans: orphans(files, state),
            notices: notices(files, state, pending)
        )
    }

    private static func checkLevel(_ files: DeployFiles, _ state: DeployedState) throws {
        guard !state.migrations.isEmpty else {
            throw DeployError(
                .mismatch, "the database holds a schema core that was not installed to its end",
                advice: "Drop the database (or what is in it) and deploy again. psql needs -1 and -v ON_ERROR_STOP=1."
            )
        }
        if let deployment = state.deployment, deployment.breakingLevel > files.breakingLevel {
            throw DeployError(
                .ahead,
                "the database was deployed by version \(deployment.version), which took a breaking step unknown to these files",
                advice: "Deploy with that version or a newer one."
            )
        }
    }

    private static func pendingMigrations(_ files: DeployFiles, _ state: DeployedState) throws -> [MigrationFile] {
        let newest = state.migrations.keys.max() ?? 0
        return try files.migrations.filter { migration in
            guard let recorded = state.migrations[migration.number] else {
                guard migration.number > newest else {
                    throw DeployError(
                        .mismatch, "the database has not taken it, but has taken number \(newest) already",
                        advice: "Give it the next free number, so that every database takes it in the same order.",
                        file: migration.file.path
                    )
                }
                return true
            }
            guard recorded.name == migration.name else {
                let label = MigrationFile.label(migration.number, recorded.name)
                throw DeployError(
                    .mismatch, "the database has taken another migration of that number, \(label)",
                    advice: "Bring that file back, and give this one the next free number.", file: migration.file.path
                )
            }
            guard recorded.checksum == nil || recorded.checksum == migration.file.checksum else {
                throw DeployError(
                    .mismatch, "the file was changed after the database took it",
                    advice: "Restore the file as it was, and put the change into a new migration.",
                    file: migration.file.path
                )
            }
            return false
        }
    }

    private static func reason(_ file: SQLFile, _ state: DeployedState) -> Reason? {
        guard let recorded = state.files[file.path] else { return .new }
        guard recorded.checksum == file.checksum else { return .changed }
        // Rows are left out: one that an operator took away stays away until its file changes.
        let isWhole = recorded.objects.allSatisfy {
            DeployedObject(identity: $0).kind == .row || state.existing.contains($0)
        }
        return isWhole ? nil : .objectMissing
    }

    /// What was recorded and is made by no file that stays. What a file about to be replayed makes is known only then.
    static func orphans(_ files: DeployFiles, _ state: DeployedState) -> [DeployedObject] {
        let paths = Set(files.functions.map(\.path))
        let kept = Set(state.files.lazy.filter { paths.contains($0.key) }.flatMap(\.value.objects))
        let left = state.files.flatMap { path, file in
            file.leftObjects + (paths.contains(path) ? [] : file.objects)
        }
        return Set(left).subtracting(kept).map(DeployedObject.init)
            .sorted { ($0.kind, $0.identity) < ($1.kind, $1.identity) }
    }

    private static func notices(
        _ files: DeployFiles,
        _ state: DeployedState,
        _ pending: [MigrationFile]
    ) -> [String] {
        var notices: [String] = []
        let known = Set(files.migrations.map(\.number))
        let ahead = state.migrations.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }
        if !ahead.isEmpty {
            let labels = ahead.map { MigrationFile.label($0.key, $0.value.name) }.joined(separator: ", ")
            notices.append("The database is ahead of these files: it has taken \(labels).")
        }
        if let made = state.deployment?.schemaDigest, made != files.schemaDigest, pending.isEmpty, ahead.isEmpty {
            notices.append(
                "Files in sql/schema differ from what this database was made with, and no migration carries the difference: "
                    + "write one in sql/migrations, or make the database anew."
            )
        }
        return notices
    }
}

extension DeployPlan: CustomStringConvertible {
    /// One line for each step, for `--dry-run`.
    public var description: String {
        var lines: [String] = []
        if isFresh {
            lines.append("The database is empty: everything would be made, in one transaction.")
        } else {
            lines += migrations.map {
                "migration \($0.label) (risk: \($0.risk)\($0.isTransactional ? "" : ", outside of a transaction"))"
            }
            lines += replays.map { "replay \($0.file.path) (\($0.reason.rawValue))" }
            if !unchecked.isEmpty { lines.append("record what psql installed") }
            if isEmpty { lines.append("Nothing to do: the database is as the files are.") }
        }
        lines += orphans.map { "left the files, removed by --prune: \($0.identity)" }
        return (lines + notices).joined(separator: "\n")
    }
}
