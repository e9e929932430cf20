extension Migrator {
    /// Makes everything in one transaction: it is all there, or nothing is.
    func install(_ files: DeployFiles, _ session: DeploySession) async throws -> DeployReport {
        var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(2))
        for _ in 0..<10 {
            do {
                try await installOnce(files, session)
                break
            } catch let failure as StatementFailure where failure.isConcurrentRole {
                // Roles belong to the cluster; another database's deploy made them a moment ago.
                try await Task.sleep(for: backoff.next())
            }
        }
        guard try await session.hasCore() else {
            throw DeployError(
                .busy, "other deploys on this cluster made the same roles again and again", advice: "Run it again."
            )
        }
        try await session.writeEnvironment(environment)
        await tell(.installed(files: files.ordered.count))
        var report = DeployReport()
        report.isFresh = true
        report.migrations = files.migrations.map(\.label)
        report.replayed = files.functions.map(\.path)
        return report
    }

    private func installOnce(_ files: DeployFiles, _ session: DeploySession) async throws {
        try await locating("install", session) { byStatement in
            try await session.transaction {
                try await session.connection.script(files.install.preamble)
                var seen: Set<String> = []
                var made: [(file: SQLFile, objects: [String])] = []
                for file in files.ordered {
                    try await session.run(file, byStatement: byStatement)
                    let objects = try await session.objects(madeHere: true).filter { !seen.contains($0) }
                    seen.formUnion(objects)
                    let rows = try await session.seededRows()
                    if DeployFiles.isFunctionFile(file.path) { made.append((file, objects + rows)) }
                }
                try await checkIncluded(files, session)
                for (file, objects) in made { try await session.record(file, objects: objects, left: []) }
                try await session.recordChecksums(files.migrations)
                try await session.recordDeployment(release, files, schemaDigest: files.schemaDigest)
            }
            // It holds for the whole session otherwise.
            try await session.connection.script("reset role; set role levqor_owner;")
        }
    }

    /// The schema files say which migrations they include; psql relies on it, so it has to be right.
    private func checkIncluded(_ files: DeployFiles, _ session: DeploySession) async throws {
        let rows = try await session.connection.query("select number, name from core.migration order by number")
        let recorded = rows.map { MigrationFile.label($0.int(0) ?? 0, $0.string(1) ?? "") }
        let labels = files.migrations.map(\.label)
        guard recorded == labels else {
            let wrong = Set(recorded).symmetricDifference(labels).sorted().joined(separator: ", ")
            throw DeployError(
                .files, "it does not name the files of sql/migrations: \(wrong)",
                advice: "Insert one row for each migration, and carry each one into the schema files.",
                file: files.schema.last?.path
            )
        }
    }
}
