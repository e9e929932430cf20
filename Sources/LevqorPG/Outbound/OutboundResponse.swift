/// An answer: a status, and as much of headers and body as the caps allow.
struct OutboundResponse: Sendable, Equatable {
    /// One header, its name in lower case.
    struct Header: Sendable, Equatable {
        var name: String
        var value: String
    }

    var status: Int
    /// In the order received, repeated names kept; at most `ResponseHeaders.mostKept` of them.
    var headers: [Header]
    /// The body, or its beginning when `truncated`.
    var body: [UInt8]
    /// True when the body was longer than the request's cap; the transfer was ended there.
    var truncated: Bool
    var timing: OutboundTiming
    /// The address and port that answered, as `192.0.2.1:443` or `[2001:db8::1]:443`.
    var remoteAddress: String

    /// The first value of a header.
    func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name == wanted }?.value
    }
}
