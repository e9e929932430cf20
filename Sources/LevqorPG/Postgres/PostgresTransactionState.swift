/// Where a session stands between statements.
enum PostgresTransactionState: Sendable {
    case idle
    case open
    case failed
    /// A statement is under way, or the session is gone.
    case unknown
}
