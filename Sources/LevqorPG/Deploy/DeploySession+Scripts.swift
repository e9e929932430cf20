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
            }
            attempt += 1
            try await Task.sleep(for: backoff.next())
        }
    }

    private func locked(_ step: String, _ failure: StatementFailure, _ attempts: Int) async throws -> DeployError {
        let oldest = try await connection.query(
            """
            select string_agg(format('process %s (%s), since %s', a.pid, coalesce(nullif(a.application_name, ''), 'unnamed'),
                a.xact_start::timestamptz(0)), '; ' order by a.xact_start)
            from (
                select s.* from pg_catalog.pg_stat_activity as s
                where s.datname = current_database() and s.xact_start is not null and s.pid <> pg_catalog.pg_backend_pid()
                order by s.xact_start
                limit 3
            ) as a
            """
        ).first?.string(0)
        var error = failure.deployError(
            .locked, "\(failure.error.message), \(attempts) times over",
            advice: "Run it again when the long transactions are over; what is done stays done."
        )
        error.detail = oldest.map { "Oldest open transactions: \($0)." } ?? error.detail
        return error
    }
}
