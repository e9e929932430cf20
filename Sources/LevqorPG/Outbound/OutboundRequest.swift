/// One HTTP request to the outside, with everything decided: what to send, how long to wait, what may be reached.
///
/// The transport adds only what the protocol needs (Host, Content-Length, Accept, the configured User-Agent when the
/// headers name none). Headers that frame the message belong to the transport and are refused.
struct OutboundRequest: Sendable {
    /// The caller's own name for this request; it is not sent.
    var id: String
    /// One of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS.
    var method: String
    /// An absolute http or https URL in printable ASCII, without user name or password.
    var url: String
    /// Sent in this order.
    var headers: [(name: String, value: String)]
    /// Sent byte for byte.
    var body: [UInt8]
    /// Bounds name lookup, TCP and TLS together.
    var connectTimeout: Duration
    /// Bounds everything from the call of `send` on, waiting for a free place included.
    var totalTimeout: Duration
    /// How many bytes of the answer's body are kept; the rest is not read.
    var responseCap: Int
    /// Opens private, loopback, link-local and carrier-grade NAT ranges for this request; cloud metadata stays shut.
    var allowPrivateAddresses: Bool

    init(
        id: String,
        method: String,
        url: String,
        headers: [(name: String, value: String)] = [],
        body: [UInt8] = [],
        connectTimeout: Duration = .seconds(5),
        totalTimeout: Duration = .seconds(30),
        responseCap: Int = 64 * 1024,
        allowPrivateAddresses: Bool = false
    ) {
        self.id = id
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.connectTimeout = connectTimeout
        self.totalTimeout = totalTimeout
        self.responseCap = responseCap
        self.allowPrivateAddresses = allowPrivateAddresses
    }
}
