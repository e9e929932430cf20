import HTTPTypes
import NIOCore

/// An RFC 9457 problem that the server renders itself, because the database was not asked or gave no answer.
struct Problem: Error, Sendable {
    let status: Int
    let slug: String
    let title: String
    var detail: String?
    var hint: String?
    var headers: [(name: String, value: String)] = []
    var errors: [JSONSchemaViolation] = []

    /// The problem as JSON.
    func body(requestID: String) -> [UInt8] {
        JSONText.encode(
            .object([
                ("type", .string("/problems/\(slug)")),
                ("title", .string(title)),
                ("status", .int(status)),
                ("detail", detail.map(JSONValue.string)),
                ("hint", hint.map(JSONValue.string)),
                ("code", .string(slug)),
                ("request_id", .string(requestID)),
                ("errors", errors.isEmpty ? nil : .array(errors.map(Self.entry))),
            ])
        )
    }

    /// The problem as an answer.
    func answer(requestID: String) -> Answer {
        var answer = Answer(
            status: status, headers: [.contentType: "application/problem+json"],
            body: ByteBuffer(bytes: body(requestID: requestID))
        )
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { answer.headers[name] = value }
        }
        return answer
    }

    private static func entry(_ violation: JSONSchemaViolation) -> JSONValue {
        .object([
            ("pointer", .string(violation.pointer)),
            ("rule", .string(violation.keyword)),
            ("limit", violation.limit.map(JSONValue.string)),
            ("detail", .string(violation.message)),
        ])
    }

    static func badRequest(_ detail: String, hint: String? = nil) -> Problem {
        Problem(status: 400, slug: "bad-request", title: "The request is not well formed", detail: detail, hint: hint)
    }

    /// As SQL says it of a key that it does not find.
    static let unknownKey = unauthenticated("This API key is unknown.")

    /// As SQL says it of a call without a key, where one is needed.
    static let noKey = unauthenticated("Send an API key in the header X-Api-Key.")

    private static func unauthenticated(_ detail: String) -> Problem {
        Problem(
            status: 401, slug: "unauthenticated", title: "A valid API key is needed", detail: detail,
            headers: [("WWW-Authenticate", "ApiKey realm=\"levqor\"")]
        )
    }

    static let notFound = Problem(
        status: 404, slug: "not-found", title: "No such thing", detail: "Nothing is at this path.",
        hint: "The paths are listed at /docs."
    )

    static func methodNotAllowed(_ allowed: [String]) -> Problem {
        Problem(
            status: 405, slug: "method-not-allowed", title: "This method is not for this path",
            detail: "Here are allowed: \(allowed.joined(separator: ", ")).",
            headers: [("Allow", allowed.joined(separator: ", "))]
        )
    }

    static func contentTooLarge(_ cap: Int) -> Problem {
        Problem(
            status: 413, slug: "content-too-large", title: "The body is too large",
            detail: "Here a body may have at most \(cap) bytes."
        )
    }

    static let requestTimeout = Problem(
        status: 408, slug: "request-timeout", title: "The request came too slowly",
        detail: "The body did not come in time."
    )

    static let slowHead = Problem(
        status: 408, slug: "request-timeout", title: "The request came too slowly",
        detail: "The head did not come in time."
    )

    static let expectationFailed = Problem(
        status: 417, slug: "expectation-failed", title: "The header Expect cannot be met",
        detail: "Here only 100-continue may be expected."
    )

    static let headTooLarge = Problem(
        status: 431, slug: "head-too-large", title: "The head of the request is too large",
        detail: "Here a header field may have 16 KiB, and the head 100 fields and 64 KiB in all."
    )

    static let unsupportedMediaType = Problem(
        status: 415, slug: "unsupported-media-type", title: "This content type is not read here",
        detail: "Bodies are JSON in UTF-8, not compressed.",
        hint: "Send Content-Type: application/json."
    )

    static func invalid(_ violations: [JSONSchemaViolation]) -> Problem {
        Problem(
            status: 422, slug: "invalid-value", title: "A value is not acceptable",
            detail: violations.first.map { $0.pointer.isEmpty ? $0.message : "\($0.pointer): \($0.message)" },
            errors: violations
        )
    }

    static func unavailable(_ detail: String) -> Problem {
        Problem(
            status: 503, slug: "unavailable", title: "Not available just now", detail: detail,
            hint: "Try again in a moment.", headers: [("Retry-After", "1")]
        )
    }

    static let outcomeUnknown = Problem(
        status: 503, slug: "outcome-unknown", title: "Nobody knows what became of this call",
        detail: "The connection to the database broke while the call was under way. It was done, or it was not.",
        hint: "Look whether it took effect before you send it again.", headers: [("Retry-After", "1")]
    )

    static let internalError = Problem(
        status: 500, slug: "internal-error", title: "Something went wrong on our side",
        hint: "Tell the operator the request id."
    )
}
