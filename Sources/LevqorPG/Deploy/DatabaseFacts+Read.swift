import Foundation

extension DatabaseFacts {
    /// Looks at the database through a connection of the server's login.
    static func read(_ connection: PostgresConnection) async throws -> DatabaseFacts {
        let deadline = Duration.seconds(10)
        let result = try await connection.query(
            """
            select current_setting('server_version_num') as version_number,
                current_setting('server_version') as version,
                pg_catalog.getdatabaseencoding() as encoding,
                session_user as login,
                (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = session_user) as is_superuser,
                (select pg_catalog.pg_has_role(r.oid,
                    case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end)
                    from pg_catalog.pg_roles as r where r.rolname = 'levqor_server') as may_be_server,
                current_setting('fsync') as fsync,
                current_setting('synchronous_commit') as synchronous_commit,
                current_setting('max_connections')::integer as max_connections,
                current_setting('superuser_reserved_connections')::integer
                    + coalesce(current_setting('reserved_connections', true), '0')::integer as reserved_connections,
                (select sum(d.numbackends)::integer from pg_catalog.pg_stat_database as d) as used_connections
            """,
            deadline: deadline
        )
        let before = Date().timeIntervalSince1970
        let clock = try await connection.query(
            "select extract(epoch from pg_catalog.clock_timestamp())::double precision", deadline: deadline
        )
        let after = Date().timeIntervalSince1970
        guard let row = result.first, let now = clock.first?.double(0) else {
            throw PostgresError(.invalidResult, "the database said nothing about itself")
        }
        return DatabaseFacts(
            versionNumber: try row.int("version_number") ?? 0,
            version: try row.string("version") ?? "of an unknown version",
            encoding: try row.string("encoding") ?? "unknown",
            login: try row.string("login") ?? "",
            isSuperuser: try row.bool("is_superuser") ?? false,
            mayBeServer: try row.bool("may_be_server"),
            fsync: try row.string("fsync") ?? "",
            synchronousCommit: try row.string("synchronous_commit") ?? "",
            maxConnections: try row.int("max_connections") ?? 0,
            reservedConnections: try row.int("reserved_connections") ?? 0,
            usedConnections: try row.int("used_connections") ?? 0,
            // The answer was made somewhere between the two looks at the own clock.
            clockOffset: now > after ? now - after : min(0, now - before)
        )
    }
}
