import HTTPTypes

/// Cross-origin requests, by a list of origins that may make them.
struct CrossOrigin: Sendable {
    private let origins: Set<String>

    private static let exposed = "X-Request-Id, Location, Link, Retry-After, RateLimit, RateLimit-Policy, ETag"
    private static let allowedHeaders =
        "Content-Type, Authorization, X-Api-Key, X-Request-Id, Levqor-Account, Idempotency-Key"

    /// - Parameter origins: such as `https://app.example.com`; no wildcard.
    init(origins: Set<String>) {
        self.origins = origins
    }

    /// The answer to a preflight; nil when the request is none.
    func preflight(_ request: RequestHead, methods: [String]) -> Answer? {
        guard request.method == "OPTIONS", request.requestedMethod != nil else { return nil }
        var headers = HTTPFields()
        if let origin = allowed(request) {
            headers[.accessControlAllowOrigin] = origin
            headers[.accessControlAllowMethods] = methods.joined(separator: ", ")
            headers[.accessControlAllowHeaders] = Self.allowedHeaders
            headers[.accessControlMaxAge] = "600"
        }
        return Answer(status: 204, headers: headers)
    }

    /// Opens a response to the page that asked, when its origin is on the list.
    func open(_ headers: inout HTTPFields, for request: RequestHead) {
        guard !origins.isEmpty else { return }
        // Also where the origin is refused: a cache must not show one page's answer to another.
        headers[values: .vary] += ["Origin"]
        guard let origin = allowed(request) else { return }
        headers[.accessControlAllowOrigin] = origin
        headers[.accessControlExposeHeaders] = Self.exposed
        headers[.crossOriginResourcePolicy] = "cross-origin"
    }

    private func allowed(_ request: RequestHead) -> String? {
        request.origin.flatMap { origins.contains($0) ? $0 : nil }
    }
}
