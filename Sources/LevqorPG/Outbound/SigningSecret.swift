import Foundation

/// A key for signing messages, written `whsec_` and base64 of 24 to 64 bytes (Standard Webhooks 1.0.0).
///
/// Its descriptions never show it; `text` does.
struct SigningSecret: Sendable, Equatable {
    enum ParseError: Error, Equatable {
        case prefixMissing
        case notBase64
        case length(Int)
    }

    static let prefix = "whsec_"
    static let lengths = 24...64

    let bytes: [UInt8]

    init(bytes: [UInt8]) throws(ParseError) {
        guard Self.lengths.contains(bytes.count) else {
            throw .length(bytes.count)
        }
        self.bytes = bytes
    }

    init(_ text: String) throws(ParseError) {
        guard text.hasPrefix(Self.prefix) else {
            throw .prefixMissing
        }
        guard let data = Data(base64Encoded: String(text.dropFirst(Self.prefix.count))) else {
            throw .notBase64
        }
        try self.init(bytes: Array(data))
    }

    /// The secret itself, as it is given to the one who verifies.
    var text: String { Self.prefix + Data(bytes).base64EncodedString() }
}

extension SigningSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    var description: String { "SigningSecret(redacted)" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: []) }
}
