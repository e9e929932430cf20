/// What http.handle_many said of one call.
enum GatewayAnswer: Sendable {
    case done(Done)
    /// The route has changed: load the routes and match again.
    case stale
    /// Something else ended the batch before this call, or a lock did in this one: send it again, uncharged.
    case again(alone: Bool)
    /// Park the request until a hint on a topic or the end.
    case wait(topics: [String], until: String, seconds: Double)

    /// An answer for the client.
    struct Done: Sendable {
        var status: Int
        /// JSON object of header names to values.
        var headers: JSONValue
        var body: [UInt8]
        /// Placeholders in the body to names of derived secrets.
        var reveal: [(placeholder: String, secret: String)] = []
        /// For the log only.
        var account: String?
        var key: String?
        var sqlstate: String?
        /// What went wrong inside, for the log and never for the client.
        var fault: String?
    }
}
