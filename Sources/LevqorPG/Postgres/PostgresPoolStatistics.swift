/// A pool in numbers, as they stood at one moment.
struct PostgresPoolStatistics: Sendable, Equatable {
    /// How many connections the pool is meant to hold.
    var size: Int
    /// How many it holds, lent or idle.
    var open: Int
    var idle: Int
    /// Callers that wait for a connection.
    var waiting: Int
    /// Attempts to connect that failed, since the start.
    var connectFailures: Int
    /// Connections that broke, since the start.
    var lost: Int
}
