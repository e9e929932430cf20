extension OutboundRequest {
    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    /// Set by the transport from the URL and the body: a second opinion in a header is how requests are smuggled.
    private static let framingHeaders: Set<String> = [
        "connection", "content-length", "expect", "host", "http2-settings", "keep-alive", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    private static let longestURL = 8192

    /// The first rule that the request breaks, or nil when it may be sent.
    ///
    /// Texts of the request are never repeated in the message: a URL or a header may hold a secret.
    func brokenRule() -> OutboundFailure? {
        brokenMethodRule() ?? brokenURLRule() ?? brokenHeaderRule()
    }

    private func brokenMethodRule() -> OutboundFailure? {
        if !Self.methods.contains(method) {
            return OutboundFailure(.invalidRequest, "the method is none of \(Self.methods.sorted())")
        }
        if method == "HEAD" && !body.isEmpty {
            return OutboundFailure(.invalidRequest, "HEAD has no body")
        }
        return nil
    }

    /// Refuses what parsers are known to read differently; the parse itself is libcurl's.
    private func brokenURLRule() -> OutboundFailure? {
        let bytes = Array(url.utf8)
        guard bytes.count <= Self.longestURL else {
            return OutboundFailure(.invalidURL, "the URL is longer than \(Self.longestURL) bytes")
        }
        guard bytes.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "\\") }) else {
            return OutboundFailure(.invalidURL, "the URL holds a character other than printable ASCII, or a backslash")
        }
        guard let scheme = ["http://", "https://"].first(where: { url.lowercased().hasPrefix($0) }) else {
            return OutboundFailure(.invalidURL, "the URL starts with neither http:// nor https://")
        }
        let authority = bytes.dropFirst(scheme.utf8.count).prefix { !"/?#".utf8.contains($0) }
        guard !authority.isEmpty else {
            return OutboundFailure(.invalidURL, "the URL names no host")
        }
        guard !authority.contains(UInt8(ascii: "@")) else {
            return OutboundFailure(.invalidURL, "the URL holds a user name or password")
        }
        return nil
    }

    private func brokenHeaderRule() -> OutboundFailure? {
        for (name, value) in headers {
            guard !name.isEmpty, name.utf8.allSatisfy(Self.isTokenByte) else {
                return OutboundFailure(.invalidRequest, "a header name is no token")
            }
            guard value.utf8.allSatisfy({ ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x09 }) else {
                return OutboundFailure(.invalidRequest, "the value of a header holds a control character")
            }
            if Self.framingHeaders.contains(name.lowercased()) {
                return OutboundFailure(.invalidRequest, "the header \(name.lowercased()) belongs to the transport")
            }
        }
        return nil
    }

    /// RFC 9110, section 5.6.2.
    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default:
            "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
