/// What a listener tells.
enum PostgresListenerEvent: Sendable {
    /// LISTEN holds on a connection that has proved itself: anything may have been missed before, so ask what is due.
    case connected
    case notification(channel: String, payload: String, pid: Int32)
    /// The connection is gone, or could not be opened; the listener goes on trying.
    case disconnected(PostgresError)
}
