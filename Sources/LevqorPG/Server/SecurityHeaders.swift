import HTTPTypes

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
    ]

    /// Adds what is missing: SQL may have set its own.
    static func complete(_ headers: inout HTTPFields) {
        for (name, value) in fields where headers[name] == nil { headers[name] = value }
        if headers[.cacheControl] == nil { headers[.cacheControl] = "no-store" }
    }
}
