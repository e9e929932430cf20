/// What is kept of one request: who, what, how it ended and what decided; never a body, a query or a key's text.
struct AccessRow: Sendable {
    /// When the request came.
    let at: WallClock
    let requestID: String
    let account: String?
    let key: String?
    /// Method and pattern of the route; `none` when there was none.
    let route: String
    let status: Int
    let micros: Int
    /// Bytes of the bodies, as they were announced or read, and sent.
    let bytesIn: Int
    let bytesOut: Int
    /// Leaves the process as a keyed hash only.
    let address: String
    /// Two headers as the client got them.
    let rateLimit: String?
    let rateLimitPolicy: String?
    /// What decided, as JSON text.
    let decision: [UInt8]?
}
