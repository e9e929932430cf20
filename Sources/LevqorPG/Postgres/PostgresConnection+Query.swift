extension PostgresConnection {
    /// Runs one statement with bound parameters.
    ///
    /// - Parameters:
    ///   - deadline: how long it may take from now; nil for no bound. When it passes the server is asked to cancel; if
    ///   it
    ///     does not answer within `cancelGrace`, the session is closed.
    ///   - cancellable: whether cancelling the calling task cancels the statement. False for a statement that carries
    ///   the
    ///     work of several callers.
    ///   - format: how the cells come back.
    /// - Throws: `.server`, `.deadlineExceeded`, `.cancelled`, `.connectionLost`, `.invalidParameter`. A statement that
    ///   finished before the cancel reached it returns its result.
    @discardableResult
    func query(
        _ sql: String,
        _ parameters: [PostgresParameter] = [],
        deadline: Duration? = nil,
        cancellable: Bool = true,
        format: PostgresFormat = .text
    ) async throws -> PostgresResult {
        try await exchange(deadline: deadline, cancellable: cancellable) { exchange in
            try self.parameters.bind(parameters)
            try self.session.sendQuery(sql, self.parameters, format)
            return try exchange.singleResult()
        }
    }

    /// Runs one statement that the server plans once a session: it is prepared at its first use and found by its text.
    ///
    /// A plan that the server threw away (a changed table, DISCARD ALL) is made anew, once, outside of a transaction.
    @discardableResult
    func queryPrepared(
        _ sql: String,
        _ parameters: [PostgresParameter] = [],
        deadline: Duration? = nil,
        cancellable: Bool = true,
        format: PostgresFormat = .text
    ) async throws -> PostgresResult {
        try await exchange(deadline: deadline, cancellable: cancellable) { exchange in
            try self.parameters.bind(parameters)
            let wasIdle = self.session.transactionState == .idle
            do {
                return try self.executePrepared(sql, format, &exchange)
            } catch let error as PostgresError where wasIdle && PostgresStatementCache.isStale(error) {
                // Raised before the statement ran, so a second try cannot do anything twice.
                try self.forgetStatement(sql, &exchange)
                return try self.executePrepared(sql, format, &exchange)
            }
        }
    }

    /// Runs a text of any number of statements, as a deploy does: all of it or nothing, unless it has its own BEGIN and
    /// COMMIT. Results are dropped; an error carries the line in the text.
    func script(_ sql: String, deadline: Duration? = nil, cancellable: Bool = true) async throws {
        try await exchange(deadline: deadline, cancellable: cancellable) { exchange in
            try self.session.sendScript(sql)
            do {
                try exchange.finish()
            } catch let error as PostgresError {
                throw error.located(in: sql)
            }
        }
    }

    /// Waits until a notification is there or `timeout` has passed, and returns what has arrived (perhaps nothing).
    ///
    /// Calls that come in meanwhile wait: this is for a session that only listens. Cancelling the task ends it at once.
    func notifications(waiting timeout: Duration) async throws -> [PostgresNotification] {
        try await exchange(deadline: nil, cancellable: true) { exchange in
            try exchange.notifications(until: .now + timeout)
        }
    }

    private func executePrepared(
        _ sql: String,
        _ format: PostgresFormat,
        _ exchange: inout PostgresExchange
    ) throws -> PostgresResult {
        let name: String
        if let known = statements.name(of: sql) {
            name = known
        } else {
            if statements.isFull {
                try session.sendScript("deallocate all")
                try exchange.step()
                statements.removeAll()
            }
            name = statements.newName()
            try session.sendPrepare(name, sql)
            try exchange.step()
            statements.insert(sql, name)
        }
        try session.sendPrepared(name, parameters, format)
        return try exchange.singleResult()
    }

    private func forgetStatement(_ sql: String, _ exchange: inout PostgresExchange) throws {
        // The name is not used again, so a plan the server still holds costs memory only; it is freed all the same.
        guard let name = statements.remove(sql) else { return }
        try session.sendScript("deallocate \(name)")
        do {
            try exchange.step()
        } catch let error as PostgresError where error.code == .server {
            return  // 26000: the server has forgotten it already.
        }
    }

    /// Runs `body` with an interrupt armed for this one call, so that a late cancellation cannot hit the next.
    private func exchange<R: Sendable>(
        deadline: Duration?,
        cancellable: Bool,
        _ body: (inout PostgresExchange) throws -> R
    ) async throws -> R {
        var exchange = PostgresExchange(
            session: session,
            interrupt: interrupt,
            grace: configuration.cancelGrace,
            until: deadline.map { .now + $0 }
        )
        guard cancellable else { return try body(&exchange) }
        let number = interrupt.begin()
        defer { interrupt.end() }
        return try await withTaskCancellationHandler {
            if interrupt.isRaised { throw PostgresError(.cancelled, "the task was cancelled before anything was sent") }
            return try body(&exchange)
        } onCancel: { [interrupt] in
            interrupt.raise(number)
        }
    }
}
