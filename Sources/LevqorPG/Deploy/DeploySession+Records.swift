import Foundation

extension DeploySession {
    func hasCore() async throws -> Bool {
        try await connection.query("select from pg_catalog.pg_namespace where nspname = 'core'").count == 1
    }

    /// Bounds how long the open transaction waits for each lock.
    func boundLocks(_ limit: Duration) async throws {
        let milliseconds = limit.components.seconds * 1000 + limit.components.attoseconds / 1_000_000_000_000_000
        try await connection.query(
            "select set_config('lock_timeout', $1, true)", [.text("\(max(1, milliseconds))ms")]
        )
    }

    func record(_ file: SQLFile, objects: [String], left: [String]) async throws {
        try await connection.query(
            """
            insert into core.deployed_file as f (path, checksum, objects, left_objects)
            values ($1, $2, $3, $4)
            on conflict (path) do update
            set checksum = excluded.checksum, objects = excluded.objects, left_objects = excluded.left_objects,
                applied_at = excluded.applied_at
            """,
            [.text(file.path), .text(file.checksum), .textArray(objects), .textArray(left)]
        )
    }

    /// Records a migration that was taken; a breaking one raises the level at the same moment.
    func record(_ migration: MigrationFile, _ release: DeployRelease) async throws {
        try await connection.query(
            "insert into core.migration (number, name, checksum) values ($1, $2, $3)",
            [.int(migration.number), .text(migration.name), .text(migration.file.checksum)]
        )
        guard migration.risk == .breaking else { return }
        try await connection.query(
            """
            insert into core.deployment as d (product_version, breaking_level) values ($1, 2)
            on conflict (is_only_row) do update
            set breaking_level = d.breaking_level + 1, product_version = excluded.product_version
            """,
            [.text(release.version)]
        )
    }

    func recordChecksums(_ migrations: [MigrationFile]) async throws {
        try await connection.query(
            """
            update core.migration as m
            set checksum = f.checksum
            from unnest($1::integer[], $2::text[]) as f (number, checksum)
            where m.number = f.number and m.checksum is null
            """,
            [.intArray(migrations.map(\.number)), .textArray(migrations.map(\.file.checksum))]
        )
    }

    func recordDeployment(_ release: DeployRelease, _ files: DeployFiles, schemaDigest: String?) async throws {
        try await connection.query(
            """
            insert into core.deployment as d (product_version, breaking_level, digests, schema_digest)
            values ($1, $2, array[$3], $4)
            on conflict (is_only_row) do update
            set product_version = excluded.product_version,
                breaking_level = greatest(d.breaking_level, excluded.breaking_level),
                -- The newest hundred: a server older than that is told to be behind, which is the safe mistake.
                digests = (array_remove(d.digests, $3) || $3)
                    [greatest(1, cardinality(array_remove(d.digests, $3)) - 98):],
                schema_digest = excluded.schema_digest,
                deployed_by = excluded.deployed_by,
                deployed_at = excluded.deployed_at
            """,
            [.text(release.version), .int(files.breakingLevel), .text(files.digest), .text(schemaDigest)]
        )
    }

    /// Sets the environment as an operator would, so that no deploy changes it back.
    func writeEnvironment(_ environment: String?) async throws {
        guard let environment else { return }
        try await becomeOwner()
        try await connection.query(
            """
            update core.setting as s
            set value = to_jsonb($1::text)
            where s.name = 'core.environment' and s.value is distinct from to_jsonb($1::text)
            """,
            [.text(environment)]
        )
    }

    /// Removes one object; one that is gone already counts as removed.
    func remove(_ object: DeployedObject) async throws {
        do {
            if let statement = object.dropStatement {
                try await connection.query(statement)
            } else if let row = object.row {
                try await removeRow(row.table, key: row.key)
            }
        } catch let error as PostgresError where error.code == .server {
            throw StatementFailure(error: error, path: "--prune", statement: object.identity)
        }
    }

    /// Removes a seeded row that is still the product's.
    private func removeRow(_ table: String, key: String) async throws {
        let exists = try await connection.query("select to_regclass($1) is not null", [.text(table)])
        guard exists.first?.bool(0) == true else { return }
        let columns = try JSONSerialization.jsonObject(with: Data(key.utf8)) as? [String: Any] ?? [:]
        guard !columns.isEmpty else { return }
        let match = columns.keys.sorted().map { name in
            let name = PostgresText.quotedIdentifier(name)
            return "t.\(name) = r.\(name)"
        }
        try await connection.query(
            """
            delete from \(table) as t
            using jsonb_populate_record(null::\(table), $1::jsonb) as r
            where t.origin = 'file' and \(match.joined(separator: " and "))
            """,
            [.text(key)]
        )
    }

    /// Forgets what was removed, and the files that have left and made nothing that is still there.
    func forget(allBut kept: [String], _ files: DeployFiles) async throws {
        let paths = PostgresParameter.textArray(files.functions.map(\.path))
        try await connection.query(
            """
            update core.deployed_file as f
            set left_objects = array(select o from unnest(f.left_objects) as o where o = any ($1::text[]))
            where f.left_objects <> '{}'
            """,
            [.textArray(kept)]
        )
        try await connection.query(
            """
            update core.deployed_file as f
            set objects = '{}', left_objects = f.left_objects
                || array(select o from unnest(f.objects) as o where o = any ($1::text[]))
            where not f.path = any ($2::text[]) and f.objects <> '{}'
            """,
            [.textArray(kept), paths]
        )
        try await connection.query(
            "delete from core.deployed_file as f where not f.path = any ($1::text[]) and f.left_objects = '{}'", [paths]
        )
    }
}
