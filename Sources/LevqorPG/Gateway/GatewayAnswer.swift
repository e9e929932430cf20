import HTTPTypes
import NIOCore

/// What http.handle_many said of one call.
enum GatewayAnswer: Sendable {
    case done(Done)
    /// The route has changed: load the routes and match again.
    case stale
    /// Something else ended the batch before this call, or a lock did in this one: send it again, uncharged.
    case again(alone: Bool)
    /// The guard let it pass: ask the replica, with this text.
    case replica(handover: [UInt8])
    /// Park the request until a hint on a topic or the end.
    case wait(topics: [String], until: String, seconds: Double)
    /// The function needs secrets of these names: send the call again with them.
    case secrets([String])
    /// Ask the outside, and then again with what came of it.
    case call(CallOut)

    /// An answer for the client.
    struct Done: Sendable {
        var status: Int
        var headers: HTTPFields
        var body: ByteBuffer
        /// Placeholders in the body to names of derived secrets.
        var reveal: [(placeholder: String, secret: String)] = []
        /// What decided, as JSON text: for the access record.
        var decision: [UInt8]?
        /// What may be said again without asking; only with a 429.
        var refusal: RepeatableRefusal?
        /// Who called: for the log and the access record.
        var account: String?
        var key: String?
        /// For the log only.
        var sqlstate: String?
        /// What went wrong inside, for the log and never for the client.
        var fault: String?
    }
}
