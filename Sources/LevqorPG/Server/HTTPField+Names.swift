import HTTPTypes

extension HTTPField.Name {
    static let xRequestID = known("X-Request-Id")
    static let xAPIKey = known("X-Api-Key")
    static let xForwardedFor = known("X-Forwarded-For")
    static let xFrameOptions = known("X-Frame-Options")
    static let levqorAccount = known("Levqor-Account")
    static let idempotencyKey = known("Idempotency-Key")
    static let rateLimit = known("RateLimit")
    static let rateLimitPolicy = known("RateLimit-Policy")
    static let crossOriginOpenerPolicy = known("Cross-Origin-Opener-Policy")
    static let crossOriginEmbedderPolicy = known("Cross-Origin-Embedder-Policy")
    static let crossOriginResourcePolicy = known("Cross-Origin-Resource-Policy")
    static let referrerPolicy = known("Referrer-Policy")
    static let permissionsPolicy = known("Permissions-Policy")

    private static func known(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("\(text) is no header name") }
        return name
    }
}
