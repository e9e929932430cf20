import Crypto
import Foundation

/// Signs messages as Standard Webhooks 1.0.0 says: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
///
/// While a secret is being exchanged for another, both sign, so that a receiver may hold either of them.
struct StandardWebhooksSigner: Sendable {
    enum SigningError: Error, Equatable {
        case noSecret
        /// The id is empty, or holds a dot (which separates the signed parts), white space or a control character.
        case unusableID
        case unusableTimestamp
    }

    /// Newest first.
    let secrets: [SigningSecret]

    init(secrets: [SigningSecret]) throws(SigningError) {
        guard !secrets.isEmpty else { throw .noSecret }
        self.secrets = secrets
    }

    /// The three headers for one attempt.
    ///
    /// - Parameters:
    ///   - id: The message's id, the same for every attempt.
    ///   - timestamp: The time of this attempt, in Unix seconds.
    ///   - body: Exactly the bytes that are sent.
    func headers(
        id: String,
        timestamp: Int64,
        body: [UInt8]
    ) throws(SigningError) -> [(name: String, value: String)] {
        guard !id.isEmpty, id.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: ".") }) else {
            throw .unusableID
        }
        guard timestamp > 0 else { throw .unusableTimestamp }
        let signed = Array("\(id).\(timestamp).".utf8) + body
        let signatures = secrets.map { secret in
            let code = HMAC<SHA256>.authenticationCode(for: signed, using: SymmetricKey(data: secret.bytes))
            return "v1," + Data(code).base64EncodedString()
        }
        return [
            ("webhook-id", id),
            ("webhook-timestamp", String(timestamp)),
            ("webhook-signature", signatures.joined(separator: " ")),
        ]
    }
}
