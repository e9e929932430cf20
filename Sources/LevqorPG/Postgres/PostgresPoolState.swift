/// What a pool knows. Changed only under the pool's lock; decides, and leaves the acting to the pool.
struct PostgresPoolState {
    typealias Waiter = CheckedContinuation<PostgresConnection, any Error>

    private struct Member {
        let connection: PostgresConnection
        /// Finished when the connection is lost: its slot waits for that.
        let gone: AsyncStream<Never>.Continuation
    }

    /// What the caller that wants a connection gets.
    enum Request {
        case connection(PostgresConnection)
        case wait
        case closed
    }

    private var members: [ObjectIdentifier: Member] = [:]
    /// The one used last is first, so that its caches are warm and a surplus of connections rests.
    private var idle: [PostgresConnection] = []
    private var waiters = PostgresWaitQueue<Waiter>()
    private var isClosed = false
    private var lastTicket: UInt64 = 0
    private var connectFailures = 0
    private var lost = 0
    /// Why the last attempt failed; told to those who waited in vain.
    private(set) var lastFailure: PostgresError?

    func statistics(size: Int) -> PostgresPoolStatistics {
        PostgresPoolStatistics(
            size: size, open: members.count, idle: idle.count, waiting: waiters.count,
            connectFailures: connectFailures, lost: lost
        )
    }

    mutating func newTicket() -> UInt64 {
        lastTicket += 1
        return lastTicket
    }

    mutating func request() -> Request {
        if isClosed { return .closed }
        // Whoever waits comes first; there are no idle connections then anyway.
        return idle.popLast().map(Request.connection) ?? .wait
    }

    /// The same for one who is ready to wait: the waiter is kept only when the answer is `.wait`.
    mutating func request(_ waiter: Waiter, ticket: UInt64) -> Request {
        let answer = request()
        if case .wait = answer { waiters.append(waiter, ticket: ticket) }
        return answer
    }

    mutating func leave(ticket: UInt64) -> Waiter? {
        waiters.remove(ticket: ticket)
    }

    /// Takes a new connection in. - Returns: the waiter to hand it to. False: the pool is closed, drop it.
    mutating func admit(
        _ connection: PostgresConnection,
        gone: AsyncStream<Never>.Continuation
    ) -> (isAdmitted: Bool, next: Waiter?) {
        guard !isClosed else { return (false, nil) }
        lastFailure = nil
        members[ObjectIdentifier(connection)] = Member(connection: connection, gone: gone)
        return (true, handOver(connection))
    }

    /// Takes a connection back. - Returns: the waiter to hand it to.
    mutating func giveBack(_ connection: PostgresConnection, isUsable: Bool) -> Waiter? {
        guard members[ObjectIdentifier(connection)] != nil else { return nil }
        guard isUsable else {
            members.removeValue(forKey: ObjectIdentifier(connection))?.gone.finish()
            lost += 1
            return nil
        }
        return handOver(connection)
    }

    mutating func connectFailed(_ error: PostgresError) {
        connectFailures += 1
        lastFailure = error
    }

    /// Ends it: no connection is lent from here on, and what is given back is dropped.
    mutating func close() -> (waiters: [Waiter], idle: [PostgresConnection]) {
        isClosed = true
        for member in members.values { member.gone.finish() }
        members.removeAll()
        defer { idle.removeAll() }
        return (waiters.removeAll(), idle)
    }

    private mutating func handOver(_ connection: PostgresConnection) -> Waiter? {
        if let waiter = waiters.popFirst() { return waiter }
        idle.append(connection)
        return nil
    }
}
