import Foundation

/// The key that all derived secrets come from: at least 32 bytes. Its descriptions never show it.
struct MasterKey: Sendable, Equatable {
    enum KeyError: Error, Equatable, CustomStringConvertible {
        case notBase64OrHex
        case tooShort(Int)
        /// The file can be read or written by others than its owner.
        case openToOthers(path: String)
        case file(path: String, reason: String)

        var description: String {
            switch self {
            case .notBase64OrHex: "the master key is neither hex nor base64"
            case .tooShort(let count): "the master key has \(count) bytes, \(MasterKey.shortest) are needed"
            case .openToOthers(let path): "the master key \(path) is open to other users: chmod 600 it"
            case .file(let path, let reason): "the master key \(path) cannot be used: \(reason)"
            }
        }
    }

    static let shortest = 32

    let bytes: [UInt8]

    init(bytes: [UInt8]) throws(KeyError) {
        guard bytes.count >= Self.shortest else {
            throw .tooShort(bytes.count)
        }
        self.bytes = bytes
    }

    /// Reads hex or base64; white space around it is ignored. A text of hex digits only is hex.
    init(_ text: String) throws(KeyError) {
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        let nibbles = trimmed.utf8.compactMap(Self.nibble)
        if !trimmed.isEmpty, nibbles.count == trimmed.utf8.count, nibbles.count.isMultiple(of: 2) {
            try self.init(bytes: stride(from: 0, to: nibbles.count, by: 2).map { nibbles[$0] << 4 | nibbles[$0 + 1] })
        } else if let data = Data(base64Encoded: trimmed) {
            try self.init(bytes: Array(data))
        } else {
            throw .notBase64OrHex
        }
    }

    /// A new key from the system's random source.
    static func random() throws(KeyError) -> MasterKey {
        var generator = SystemRandomNumberGenerator()
        return try MasterKey(bytes: (0..<shortest).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    /// The form that is written to a file.
    var base64: String { Data(bytes).base64EncodedString() }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension MasterKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    var description: String { "MasterKey(redacted)" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: []) }
}
