import Logging

/// The one connection of a deploy: set up for long statements, alone on its database, working as the owner.
struct DeploySession: Sendable {
    /// Any number, the same in every release: two deploys of one database meet here.
    static let lockKey = 5_505_590_177_460_342_784

    let connection: PostgresConnection

    /// Opens the connection and makes sure that a deploy can be done over it.
    static func open(_ configuration: PostgresConfiguration, logger: Logger) async throws -> DeploySession {
        let connection: PostgresConnection
        do {
            connection = try await PostgresConnection.connect(configuration, logger: logger)
        } catch let error as PostgresError {
            throw DeployError(
                .connection, "the database cannot be reached (\(configuration.redactedDescription)): \(error.message)",
                advice: "Check LEVQOR_DEPLOY_URL (or LEVQOR_DATABASE_URL) and that PostgreSQL runs."
            )
        }
        let session = DeploySession(connection: connection)
        do {
            try await session.prepare()
        } catch {
            await connection.close()
            throw error
        }
        return session
    }

    func close() async { await connection.close() }

    private func prepare() async throws {
        let version = try await connection.query("select current_setting('server_version_num')").first?.int(0) ?? 0
        guard version >= 150_000 else {
            throw DeployError(
                .connection, "PostgreSQL \(version / 10_000) is too old",
                advice: "Use PostgreSQL 15 or newer."
            )
        }
        if try await connection.detectsTransactionPooler() {
            throw DeployError(
                .connection, "a transaction pooler stands before the database, so the lock of a deploy would not hold",
                advice: "Set LEVQOR_DEPLOY_URL to the address of PostgreSQL itself."
            )
        }
        // Limits that a role or database may carry are for the traffic, not for a deploy. Not every version has them all.
        try await connection.query(
            """
            select set_config(s.name, '0', false) from pg_catalog.pg_settings as s
            where s.name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
                'idle_session_timeout', 'transaction_timeout')
            """
        )
        try await connection.query(
            """
            select set_config('default_transaction_isolation', 'read committed', false),
                set_config('default_transaction_read_only', 'off', false),
                set_config('levqor.deploying', 'on', false)
            """
        )
        do {
            // A deploy that is killed leaves nobody waiting in a queue for locks. Some platforms cannot watch a client.
            try await connection.query("select set_config('client_connection_check_interval', '2s', false)")
        } catch let error as PostgresError where error.code == .server {}
    }

    /// Waits until no other deploy works on this database. The lock goes with the connection.
    ///
    /// It asks again and again: a statement that waits would hold a snapshot, and `create index concurrently` of the other
    /// deploy would wait for that.
    func lock(_ timing: DeployTiming, _ tell: DeployEventHandler) async throws {
        let until = ContinuousClock.now + timing.otherDeploy
        var backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(1))
        var isTold = false
        while true {
            let result = try await connection.query(
                "select pg_catalog.pg_try_advisory_lock($1::bigint)", [.int(Self.lockKey)]
            )
            if result.first?.bool(0) == true { return }
            let holder = try await lockHolder()
            if !isTold { await tell(.waitingForOtherDeploy(pid: holder)) }
            isTold = true
            guard ContinuousClock.now < until else {
                throw DeployError(
                    .busy,
                    "another deploy holds this database" + (holder.map { " (PostgreSQL process \($0))" } ?? ""),
                    advice: "Wait for it. If it hangs, end it with: select pg_terminate_backend(\(holder ?? 0));"
                )
            }
            try await Task.sleep(for: backoff.next())
        }
    }

    private func lockHolder() async throws -> Int? {
        try await connection.query(
            """
            select l.pid from pg_catalog.pg_locks as l
            where l.locktype = 'advisory' and l.granted and l.objsubid = 1
                and l.database = (select d.oid from pg_catalog.pg_database as d where d.datname = current_database())
                and (l.classid::bigint << 32) + l.objid::bigint = $1::bigint
            """,
            [.int(Self.lockKey)]
        ).first?.int(0)
    }

    /// Runs `body` in a transaction.
    func transaction<R: Sendable>(_ body: () async throws -> R) async throws -> R {
        try await connection.query("begin")
        do {
            let result = try await body()
            try await connection.query("commit")
            return result
        } catch {
            if await connection.isUsable { _ = try? await connection.query("rollback", cancellable: false) }
            throw error
        }
    }

    /// Becomes the owner as every file expects it, whatever the file before left behind.
    func becomeOwner() async throws {
        do {
            try await connection.script("reset role; set role levqor_owner;")
        } catch let error as PostgresError where error.code == .server {
            var refusal = DeployError(
                .connection, "this login may not work as levqor_owner: \(error.message)",
                advice: "As a superuser or the login of the first deploy: grant levqor_owner to LOGIN;"
            )
            refusal.sqlstate = error.sqlstate
            throw refusal
        }
    }
}
