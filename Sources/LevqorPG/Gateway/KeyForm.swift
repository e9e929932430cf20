import Crypto

/// The form of an API key's text, by which a mistyped or invented one is known without the database.
///
/// `lvk_live_` or `lvk_test_`, then 60 bytes in base64url without padding: account (16), key id (16), secret (24), and the
/// first 4 bytes of the SHA-256 of the prefix and of those 56. SQL writes keys in this form and reads them by it.
struct KeyForm: Sendable {
    let prefixes = [Array("lvk_live_".utf8), Array("lvk_test_".utf8)]
    let digitCount = 80
    let byteCount = 60
    let checksumCount = 4

    /// The one form there is.
    static let current = KeyForm()

    /// Whether form and checksum are right. Whether there is such a key, only the database knows.
    func accepts(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { accepts($0) }
    }

    private func accepts(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard
            let prefix = prefixes.first(where: { text.count == $0.count + digitCount && text.starts(with: $0) })
        else { return false }
        let digits = UnsafeBufferPointer(rebasing: text[prefix.count...])
        return withUnsafeTemporaryAllocation(byteCount: prefix.count + byteCount, alignment: 1) { bytes in
            bytes.copyBytes(from: prefix)
            guard decode(digits, into: UnsafeMutableRawBufferPointer(rebasing: bytes[prefix.count...])) else {
                return false
            }
            let checked = bytes.count - checksumCount
            var hash = SHA256()
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[..<checked]))
            return hash.finalize().prefix(checksumCount).elementsEqual(bytes[checked...])
        }
    }

    /// Four digits are three bytes; the count of digits is a multiple of four.
    private func decode(_ digits: UnsafeBufferPointer<UInt8>, into bytes: UnsafeMutableRawBufferPointer) -> Bool {
        var buffer: UInt32 = 0
        var target = 0
        for (index, digit) in digits.enumerated() {
            guard let value = Self.value(of: digit) else { return false }
            buffer = buffer << 6 | value
            guard index % 4 == 3 else { continue }
            bytes[target] = UInt8(truncatingIfNeeded: buffer >> 16)
            bytes[target + 1] = UInt8(truncatingIfNeeded: buffer >> 8)
            bytes[target + 2] = UInt8(truncatingIfNeeded: buffer)
            target += 3
        }
        return true
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(digit - UInt8(ascii: "a") + 26)
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(digit - UInt8(ascii: "0") + 52)
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: nil
        }
    }
}
