extension DeploySession {
    /// Reads what was recorded. Works as the owner afterwards, where there is a deploy at all.
    func state() async throws -> DeployedState {
        guard try await connection.query("select from pg_catalog.pg_namespace where nspname = 'core'").count == 1 else {
            return .absent
        }
        guard try await connection.query("select to_regclass('core.migration') is not null").first?.bool(0) == true
        else {
            throw DeployError(
                .mismatch, "the database has a schema core that is not LevqorPG's",
                advice: "Give LevqorPG a database of its own: create database levqor;"
            )
        }
        try await becomeOwner()
        var state = DeployedState(isPresent: true)
        for row in try await connection.query("select number, name, checksum from core.migration") {
            guard let number = row.int(0), let name = row.string(1) else { continue }
            state.migrations[number] = .init(name: name, checksum: row.string(2))
        }
        state.files = try await files()
        state.deployment = try await deployment()
        state.existing = Set(try await objects(madeHere: false))
        return state
    }

    private func files() async throws -> [String: DeployedState.File] {
        var files: [String: DeployedState.File] = [:]
        let result = try await connection.query(
            """
            select f.path, f.checksum, o.identity, o.is_left
            from core.deployed_file as f
            left join lateral (
                select identity, false from unnest(f.objects) as identity
                union all
                select identity, true from unnest(f.left_objects) as identity
            ) as o (identity, is_left) on true
            """
        )
        for row in result {
            guard let path = row.string(0), let checksum = row.string(1) else { continue }
            var file = files[path] ?? .init(checksum: checksum, objects: [], leftObjects: [])
            if let identity = row.string(2) {
                if row.bool(3) == true { file.leftObjects.append(identity) } else { file.objects.append(identity) }
            }
            files[path] = file
        }
        return files
    }

    private func deployment() async throws -> DeployedState.Deployment? {
        let result = try await connection.query(
            """
            select d.product_version, d.breaking_level, array_to_string(d.digests, ' '), d.schema_digest
            from core.deployment as d
            """
        )
        guard let row = result.first, let version = row.string(0), let level = row.int(1) else { return nil }
        let digests = (row.string(2) ?? "").split(separator: " ").map(String.init)
        return .init(version: version, breakingLevel: level, digests: digests, schemaDigest: row.string(3))
    }

    /// Functions, views and triggers by identity: all of them, or those that the open transaction made or replaced.
    ///
    /// Replacing writes the catalog's row even where nothing differs, so its xmin tells. What a DO block makes under an
    /// exception handler has the number of a subtransaction and is not seen: function files have no need of that.
    func objects(madeHere: Bool) async throws -> [String] {
        let filter = madeHere ? "and c.xmin = pg_catalog.pg_current_xact_id()::xid" : ""
        return try await connection.query(
            """
            select i.type || ' ' || i.identity
            from (
                select 'pg_catalog.pg_proc'::regclass::oid as class, c.oid as object
                from pg_catalog.pg_proc as c
                where c.oid >= 16384 \(filter)
                union all
                select 'pg_catalog.pg_class'::regclass::oid, v.oid
                from pg_catalog.pg_rewrite as c
                join pg_catalog.pg_class as v on v.oid = c.ev_class and v.relkind = 'v'
                where c.oid >= 16384 and c.rulename = '_RETURN' \(filter)
                union all
                select 'pg_catalog.pg_trigger'::regclass::oid, c.oid
                from pg_catalog.pg_trigger as c
                where not c.tgisinternal \(filter)
            ) as made
            cross join lateral pg_catalog.pg_identify_object(made.class, made.object, 0) as i
            order by 1
            """
        ).compactMap { $0.string(0) }
    }

    /// The rows that the open transaction has seeded so far, as core.seed() notes them; forgets them.
    func seededRows() async throws -> [String] {
        let noted = try await connection.query(
            "select current_setting('levqor.seeded', true), set_config('levqor.seeded', '', true)"
        ).first?.string(0)
        return try (noted ?? "").split(separator: "\n").map { try DeployedObject.row(note: String($0)).identity }
    }
}
