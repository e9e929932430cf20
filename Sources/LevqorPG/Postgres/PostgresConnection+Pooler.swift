extension PostgresConnection {
    /// Whether a pooler stands in between that gives the server session away between transactions, so that LISTEN,
    /// advisory locks and SET do not hold.
    ///
    /// A server tells its process number at start-up, a pooler one of its own making: where it equals
    /// `pg_backend_pid()` there is no pooler, and that is all it costs. Otherwise a second session holds a transaction
    /// open while this one asks again: if both are served by one process in turn, or this session's process changes,
    /// sessions are shared.
    func detectsTransactionPooler() async throws -> Bool {
        let deadline = configuration.connectTimeout
        let own = try await serverProcess(deadline)
        if own == Int(backendPID) { return false }
        let other = try await PostgresConnection.connect(configuration, logger: logger)
        do {
            let isShared = try await sharesServer(with: other, own, deadline)
            await other.close()
            return isShared
        } catch {
            await other.close()
            throw error
        }
    }

    private func sharesServer(with other: PostgresConnection, _ own: Int, _ deadline: Duration) async throws -> Bool {
        // A pooler hands out the process released last or the one that rested longest; a few rounds meet both.
        for _ in 0..<4 {
            if try await serverProcess(deadline) != own { return true }
            try await other.query("begin", deadline: deadline)
            if try await other.serverProcess(deadline) == own { return true }
            if try await serverProcess(deadline) != own { return true }
            try await other.query("rollback", deadline: deadline)
        }
        return false
    }

    /// The process that serves this statement. Not prepared: a plan would be lost with the process.
    private func serverProcess(_ deadline: Duration) async throws -> Int {
        guard let pid = try await query("select pg_catalog.pg_backend_pid()", deadline: deadline).first?.int(0) else {
            throw PostgresError(.protocolViolation, "pg_backend_pid() gave no number")
        }
        return pid
    }
}
