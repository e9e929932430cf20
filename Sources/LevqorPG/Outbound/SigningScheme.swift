/// What a signer's specification says, read from its JSON.
struct SigningScheme: Sendable {
    enum Method: Sendable {
        case bearer
        case basic(user: String)
        case header(name: String)
        case hmac(HMACSignature)
        case serviceAccount(scopes: [String], subject: String?)
        /// The credential is the whole URL.
        case url
        /// The credential is a part of the URL.
        case urlPart
    }

    /// The credential's name.
    let credential: String
    let method: Method

    init(_ specification: JSONValue) throws(OutboundFailure) {
        func needed(_ name: String) throws(OutboundFailure) -> String {
            guard let text = specification[name]?.string, !text.isEmpty else {
                throw OutboundFailure(.invalidRequest, "the signer needs the text \(name)")
            }
            return text
        }
        credential = try needed("credential")
        switch try needed("scheme") {
        case "bearer": method = .bearer
        case "basic":
            let user = try needed("user")
            // RFC 7617: what stands before the first colon is the user.
            guard !user.contains(":") else { throw OutboundFailure(.invalidRequest, "a user's name has no colon") }
            method = .basic(user: user)
        case "header": method = .header(name: try needed("name"))
        case "hmac-sha256": method = .hmac(try HMACSignature(specification, header: needed("header")))
        case "google-service-account":
            let scopes = specification["scopes"]?.array?.compactMap(\.string) ?? []
            guard !scopes.isEmpty else { throw OutboundFailure(.invalidRequest, "the signer needs scopes") }
            method = .serviceAccount(scopes: scopes, subject: specification["subject"]?.string)
        case "url": method = .url
        case "url-part": method = .urlPart
        default: throw OutboundFailure(.invalidRequest, "the signer's scheme is not known")
        }
    }
}
