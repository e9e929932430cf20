/// One request on its way to http.handle_many.
struct GatewayCall: Sendable {
    let requestID: String
    var route: Route
    /// The API key as it was sent.
    let key: String?
    /// The client's address, behind the trusted proxies.
    let address: String
    let userAgent: String?
    /// JSON object of path and query parameters.
    let parameters: [UInt8]
    /// JSON text as it was sent, or, of a route that takes any bytes, `RawBody`; nil: none.
    var body: [UInt8]?
    /// How many bytes were sent, where `body` is a `RawBody`.
    var rawSize: Int?
    /// The account that a platform key wants to act for.
    let account: String?
    /// By which the database knows a call that it has carried out before.
    var idempotencyKey: String?
    /// It was charged before: the guard does not charge it again.
    var isAdmitted = false
    /// The primary may answer that the replica is to be asked.
    var mayBeHandedOver = false
    /// What the primary gave for the replica, when it is to be asked.
    var handover: [UInt8]?
    /// The end it asked to wait for when it was parked, as SQL wrote it.
    var waitUntil: String?
    /// Which function goes on with it after a call-out, with its state and the outcome, as JSON text.
    var continuation: [UInt8]?

    /// Whether it may be sent again when nobody knows what became of it.
    var isRepeatable: Bool { route.method == "GET" || idempotencyKey != nil }

    /// How much of a batch's room it takes, in bytes.
    var weight: Int {
        parameters.count + (body?.count ?? 0) + (handover?.count ?? 0) + (continuation?.count ?? 0) + 256
    }

    /// The context argument of http.handle_many, as JSON text.
    var context: [UInt8] {
        guard account != nil || isAdmitted || waitUntil != nil || idempotencyKey != nil || mayBeHandedOver else {
            return Self.emptyContext
        }
        var context = JSONText.encode(
            .object([
                ("account", account.map(JSONValue.string)),
                ("admitted", isAdmitted ? .bool(true) : nil),
                ("wait_until", waitUntil.map(JSONValue.string)),
                ("idempotency_key", idempotencyKey.map(JSONValue.string)),
                ("has_replica", mayBeHandedOver ? .bool(true) : nil),
            ])
        )
        if let continuation {
            // Whoever continues was admitted: there is a member before this one.
            context.removeLast()
            context += Array(",\"continue\":".utf8) + continuation + Array("}".utf8)
        }
        return context
    }

    private static let emptyContext = Array("{}".utf8)
}
