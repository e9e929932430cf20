/// Why there was no answer, as a kind to decide on and a text for people.
struct OutboundFailure: Error, Equatable, CustomStringConvertible {
    enum Kind: String, Sendable, CaseIterable {
        /// The URL cannot be used: not http or https, credentials in it, no parse.
        case invalidURL = "invalid_url"
        /// Method or headers cannot be sent as they are. Nothing was sent.
        case invalidRequest = "invalid_request"
        /// Every address of the host was refused. No connection was opened.
        case addressRefused = "address_refused"
        /// The host's name gave no address.
        case nameResolution = "name_resolution"
        /// No connection to any address.
        case connect
        /// TLS could not be agreed on, or the certificate does not hold.
        case tls
        /// The connect or the total time ran out. The request may have arrived.
        case timeout
        /// The answer broke HTTP or ended early. The request may have arrived.
        case `protocol`
        /// What sends it is not set up, or its own login is refused: to be mended by the operator. Nothing was sent.
        case notConfigured = "not_configured"
        /// The task that sent was cancelled. The request may have arrived.
        case cancelled
        /// The transport was shut down. The request may have arrived.
        case shutdown
        /// The server knows no credential of the name that the signer gives. Nothing was sent.
        case credentialMissing = "credential_missing"
        /// The credential's value cannot be used by the signer. Nothing was sent.
        case credentialUnusable = "credential_unusable"
        /// Who gives access tokens gave none. Nothing was sent.
        case tokenRefused = "token_refused"
        /// Too many were under way. Nothing was sent.
        case busy
        /// This machine could not do it (memory, file descriptors). Nothing is known of the other side.
        case `internal`
    }

    var kind: Kind
    /// One line, without the URL's path or query, headers or body.
    var message: String

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    var description: String { "\(kind.rawValue): \(message)" }
}
