extension DeploySession {
    /// Takes away the invalid index that an interrupted `create index concurrently` left behind, before that statement
    /// runs again: `if not exists` would find it and leave it as it is.
    func clearBrokenIndex(before statement: SQLStatement, of file: SQLFile) async throws {
        guard let index = ConcurrentIndex(statement) else { return }
        guard index.isRepeatable, let name = index.name, let table = index.table else {
            throw DeployError(
                .files, "create index concurrently cannot be run again after an interruption in this form",
                advice: "Write: create index concurrently if not exists NAME on SCHEMA.TABLE ...",
                file: file.path, line: statement.line, statement: statement.firstLine
            )
        }
        let found = try await connection.query(
            """
            select format('%I.%I', n.nspname, c.relname)
            from pg_catalog.pg_index as i
            join pg_catalog.pg_class as c on c.oid = i.indexrelid
            join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
            where not i.indisvalid and i.indrelid = to_regclass($1) and c.relname = $2
            """,
            [.text(table), .text(name)]
        )
        if let broken = found.first?.string(0) { try await connection.query("drop index concurrently \(broken)") }
    }
}
