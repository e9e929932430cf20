/// Why a call got no answer from the database.
enum GatewayFailure: Error, Sendable {
    /// No connection, or a queue too long: nothing was done.
    case unavailable(String)
    /// The connection broke with the call under way: nobody knows whether it was done.
    case outcomeUnknown
    /// The whole statement failed, the guard with it: nothing was done.
    case refused(PostgresError)

    /// The database is away, starts or stops, and has done nothing.
    var isOfAbsence: Bool {
        switch self {
        case .unavailable: true
        case .outcomeUnknown: false
        case .refused(let error): error.sqlstate?.hasPrefix("57P") == true || error.sqlstate?.hasPrefix("53") == true
        }
    }
}
