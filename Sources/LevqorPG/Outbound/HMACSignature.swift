import Crypto
import Foundation

/// How HMAC-SHA256 goes into a header: over what, and how it is written.
struct HMACSignature: Sendable {
    enum Encoding: String, Sendable {
        case hex
        case base64
    }

    /// Stands in a prefix for the time.
    private static let timePlace = "{timestamp}"

    let header: String
    /// In front of the signature.
    let prefix: String
    let encoding: Encoding
    /// Whether the time and a dot are signed in front of the body.
    let isTimed: Bool
    let timestampHeader: String?

    init(_ specification: JSONValue, header: String) throws(OutboundFailure) {
        self.header = header
        prefix = specification["prefix"]?.string ?? ""
        guard let encoding = Encoding(rawValue: specification["encoding"]?.string ?? Encoding.hex.rawValue) else {
            throw OutboundFailure(.invalidRequest, "the signer's encoding is neither hex nor base64")
        }
        self.encoding = encoding
        switch specification["content"]?.string ?? "body" {
        case "body": isTimed = false
        case "timestamp.body": isTimed = true
        default: throw OutboundFailure(.invalidRequest, "the signer's content is neither body nor timestamp.body")
        }
        timestampHeader = specification["timestamp_header"]?.string
        guard !isTimed || timestampHeader != nil || prefix.contains(Self.timePlace) else {
            throw OutboundFailure(.invalidRequest, "the signer sends the signed time nowhere")
        }
    }

    /// The header's value for these very bytes.
    func value(of body: [UInt8], key: [UInt8], at time: Int) -> String {
        let content = isTimed ? Array("\(time).".utf8) + body : body
        let code = Array(HMAC<SHA256>.authenticationCode(for: content, using: SymmetricKey(data: key)))
        let text =
            switch encoding {
            case .hex: code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            case .base64: Base64.encode(code)
            }
        return prefix.replacing(Self.timePlace, with: String(time)) + text
    }
}
