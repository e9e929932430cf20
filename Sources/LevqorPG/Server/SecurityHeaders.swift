import HTTPTypes
import NIOCore

/// Headers that every response carries, whoever made it.
enum SecurityHeaders {
    private static let fields: [(HTTPField.Name, String)] = [
        (.strictTransportSecurity, "max-age=31536000; includeSubDomains; preload"),
        (
            .contentSecurityPolicy,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        ),
        (.crossOriginOpenerPolicy, "same-origin"),
        (.crossOriginEmbedderPolicy, "require-corp"),
        (.crossOriginResourcePolicy, "same-origin"),
        (.xContentTypeOptions, "nosniff"),
        (.xFrameOptions, "DENY"),
        (.referrerPolicy, "strict-origin-when-cross-origin"),
        (.permissionsPolicy, "geolocation=(), microphone=(), camera=()"),
        (.cacheControl, "no-store"),
    ]
    private static let lines = fields.map { Array("\($0.0.rawName): \($0.1)\r\n".utf8) }
    private static let whole = Array(lines.joined())

    /// Adds what is missing: SQL may have set its own.
    static func complete(_ headers: inout HTTPFields) {
        for (name, value) in fields where headers[name] == nil { headers[name] = value }
    }

    /// Writes those that are not among an answer's own.
    static func write(to buffer: inout ByteBuffer, without headers: HTTPFields) {
        var present = 0
        for field in headers {
            guard let place = fields.firstIndex(where: { $0.0 == field.name }) else { continue }
            present |= 1 << place
        }
        if present == 0 {
            buffer.writeBytes(whole)
            return
        }
        for (place, line) in lines.enumerated() where present & (1 << place) == 0 { buffer.writeBytes(line) }
    }
}
