/// One NOTIFY as it arrived. A hint, never data: it may be lost with a connection.
struct PostgresNotification: Sendable, Equatable {
    var channel: String
    var payload: String
    /// The backend that sent it.
    var pid: Int32
}
