extension DeploySession {
    /// Runs one file in the open transaction. An error carries file, line and statement as far as they can be told.
    ///
    /// - Parameter byStatement: sends one statement after the other, which is slower and always knows where it is.
    func run(_ file: SQLFile, byStatement: Bool) async throws {
        let statements = SQLStatement.split(file.text)
        if let statement = statements.first(where: \.controlsTransaction) {
            throw DeployError(
                .files, "a file cannot begin or end a transaction: a deploy does",
                advice: "Take the statement out.", file: file.path, line: statement.line, statement: statement.firstLine
            )
        }
        guard byStatement else {
            do {
                return try await connection.script(file.text)
            } catch let error as PostgresError where error.code == .server {
                throw StatementFailure(error: error, file: file, statements: statements)
            }
        }
        for statement in statements { try await run(statement, of: file) }
    }

    func run(_ statement: SQLStatement, of file: SQLFile) async throws {
        do {
            try await connection.query(statement.text, cancellable: true)
        } catch let error as PostgresError where error.code == .server {
            throw StatementFailure(error: error, file: file, at: statement)
        }
    }

    /// Runs `body` again and again while other sessions hold its locks, with growing pauses.
    func givingWay<R: Sendable>(
        _ step: String,
        attempts: Int,
        _ backoff: Backoff,
        _ tell: DeployEventHandler,
        _ body: () async throws -> R
    ) async throws -> R {
        var backoff = backoff
        var attempt = 1
        while true {
            do {
                return try await body()
            } catch let failure as StatementFailure where failure.gaveWay {
                guard attempt < attempts else { throw try await locked(step, failure, attempt) }
                await tell(.lockedOut(step: step, attempt: attempt))
            } catch let error as PostgresError where error.isWorthRepeating && attempt < attempts {
                // The commit itself: one that notifies takes a lock that all databases of the cluster share.
                await tell(.lockedOut(step: step, attempt: attempt))
            }
            attempt += 1
            try await Task.sleep(for: backoff.next())
        }
    }

    private func locked(_ step: String, _ failure: StatementFailure, _ attempts: Int) async throws -> DeployError {
        let holders = try await lockHolders()
        var error = failure.deployError(
            .locked, "\(failure.error.message), \(attempts) times over",
            advice: "Run it again when the long transactions are over; what is done stays done."
        )
        error.detail = holders.map { "Sessions with locks on tables of ours: \($0)." } ?? error.detail
        return error
    }

    /// Who holds locks on the product's tables, oldest transaction first. Locks can be seen by everybody; what else is
    /// known of a session only by those who may see it, so the login asks and not the owner.
    private func lockHolders() async throws -> String? {
        try await connection.script("reset role")
        let holders = try await connection.query(
            """
            select string_agg(
                format('process %s', a.pid) || coalesce(' (' || nullif(a.application_name, '') || ')', '')
                    || coalesce(' since ' || a.xact_start::timestamptz(0), ''),
                ', ' order by a.xact_start
            )
            from (
                select l.pid, s.application_name, s.xact_start
                from pg_catalog.pg_locks as l
                join pg_catalog.pg_class as c on c.oid = l.relation
                left join pg_catalog.pg_stat_activity as s on s.pid = l.pid
                where l.granted and l.pid <> pg_catalog.pg_backend_pid()
                    and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
                    and c.relowner = (select r.oid from pg_catalog.pg_roles as r where r.rolname = 'levqor_owner')
                group by l.pid, s.application_name, s.xact_start
                order by s.xact_start
                limit 5
            ) as a
            """
        )
        try await becomeOwner()
        return holders.first?.string(0)
    }
}
