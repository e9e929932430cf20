import HummingbirdCore
import NIOHTTP1

/// What counts of a request's head, read in one pass over its header fields.
struct RequestHead: Sendable {
    let method: String
    /// As it was sent, still percent-encoded, without the query.
    let path: String
    let query: String?
    /// All header fields as they came.
    let fields: HTTPHeaders
    private(set) var apiKey: String?
    private(set) var account: String?
    private(set) var userAgent: String?
    private(set) var contentType: String?
    private(set) var contentEncoding: String?
    private(set) var requestID: String?
    private(set) var origin: String?
    private(set) var ifNoneMatch: String?
    /// The method that a preflight asks for.
    private(set) var requestedMethod: String?
    private(set) var forwarded: [String] = []
    private(set) var idempotencyKeys: [String] = []
    /// Nil: none was told.
    private(set) var contentLength: Int?
    private(set) var transferEncoding: String?
    private(set) var expectation: String?
    /// Whether another request may come over the same connection.
    private(set) var isKeptAlive: Bool
    private let isOldVersion: Bool
    private var hosts = 0
    private var lengths = 0

    init(_ head: HTTPRequestHead) {
        method = head.method.rawValue
        (path, query) = Self.split(head.uri)
        // HTTP/1.0 would have to be told that it may go on, and behind CONNECT and Upgrade no HTTP has to follow.
        isKeptAlive = head.isKeepAlive && head.version.minor > 0 && head.method != .CONNECT
        isOldVersion = head.version.minor == 0
        fields = head.headers
        for (name, value) in head.headers { take(name, value) }
    }

    /// Whether a body follows.
    var announcesBody: Bool { contentLength ?? 0 > 0 || transferEncoding != nil }

    /// Whether the client sends its body only when it is told to.
    var waitsForContinue: Bool { expectation != nil && !isOldVersion }

    /// What makes it a request that no reader may guess about; nil when it is fine.
    var fault: Problem? {
        if hosts > 1 || (hosts == 0 && !isOldVersion) {
            return .badRequest("The header Host must stand in the request once.")
        }
        if let transferEncoding {
            if lengths > 0 { return .badRequest("Content-Length and Transfer-Encoding exclude each other.") }
            guard transferEncoding.lowercased() == "chunked" else {
                return .badRequest("Transfer-Encoding may only be chunked.")
            }
        }
        if lengths > 1 || (lengths == 1 && contentLength == nil) {
            return .badRequest("The header Content-Length must stand in the request once, as a number.")
        }
        if waitsForContinue, expectation?.lowercased() != "100-continue" { return .expectationFailed }
        return nil
    }

    private mutating func take(_ name: String, _ value: String) {
        switch name.utf8.count {
        case 4 where Self.same(name, "host"): hosts += 1
        case 6:
            if Self.same(name, "expect") { expectation = value } else if Self.same(name, "origin") { origin = value }
        case 7 where Self.same(name, "upgrade"): isKeptAlive = false
        case 9 where Self.same(name, "x-api-key"): Self.join(value, to: &apiKey)
        case 10 where Self.same(name, "user-agent"): Self.join(value, to: &userAgent)
        case 12:
            if Self.same(name, "content-type") {
                Self.join(value, to: &contentType)
            } else if Self.same(name, "x-request-id") {
                Self.join(value, to: &requestID)
            }
        case 13 where Self.same(name, "if-none-match"): Self.join(value, to: &ifNoneMatch)
        case 14:
            if Self.same(name, "content-length") {
                lengths += 1
                contentLength = Int(value)
            } else if Self.same(name, "levqor-account") {
                Self.join(value, to: &account)
            }
        case 15:
            if Self.same(name, "x-forwarded-for") {
                forwarded.append(value)
            } else if Self.same(name, "idempotency-key") {
                idempotencyKeys.append(value)
            }
        case 16 where Self.same(name, "content-encoding"): Self.join(value, to: &contentEncoding)
        case 17 where Self.same(name, "transfer-encoding"): Self.join(value, to: &transferEncoding)
        case 29 where Self.same(name, "access-control-request-method"): requestedMethod = value
        default: break
        }
    }

    /// A field that stands twice is a list (RFC 9110, 5.3).
    private static func join(_ value: String, to held: inout String?) {
        held = held.map { $0 + ", " + value } ?? value
    }

    /// Compares with a name in lower case of the same length; letters differ from capitals in one bit.
    private static func same(_ name: String, _ lower: StaticString) -> Bool {
        var place = lower.utf8Start
        for byte in name.utf8 {
            if byte | 0x20 != place.pointee { return false }
            place += 1
        }
        return true
    }

    /// Path and query of a target; a target that is a whole URI (RFC 9112, 3.2.2) gives its path, too.
    private static func split(_ target: String) -> (path: String, query: String?) {
        guard target.utf8.first == UInt8(ascii: "/") else {
            let uri = URI(target)
            return (uri.path, uri.query)
        }
        let whole = target.utf8.firstIndex(of: UInt8(ascii: "#")).map { target[..<$0] } ?? target[...]
        guard let mark = whole.utf8.firstIndex(of: UInt8(ascii: "?")) else { return (String(whole), nil) }
        return (String(whole[..<mark]), String(whole[whole.utf8.index(after: mark)...]))
    }
}
