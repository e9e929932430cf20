/// The header Idempotency-Key: a Structured Field String (RFC 9651), or the same text without quotes.
enum IdempotencyKey {
    static let mostCharacters = 255

    /// The key; nil when none was sent.
    ///
    /// - Parameter values: of all header fields of that name.
    /// - Throws: `Problem` 400 when what was sent is no key.
    static func read(_ values: [String]) throws(Problem) -> String? {
        guard let value = values.first else { return nil }
        guard values.count == 1, let key = parse(value[...].withoutEdgeSpace) else {
            throw .badRequest(
                "The header Idempotency-Key holds no key.",
                hint: "Send it once, with 1 to \(mostCharacters) characters of visible ASCII, such as a UUID."
            )
        }
        return key
    }

    private static func parse(_ text: Substring) -> String? {
        guard text.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else { return nil }
        let key = text.hasPrefix("\"") ? unquote(text.utf8.dropFirst()) : String(text)
        guard let key, (1...mostCharacters).contains(key.utf8.count) else { return nil }
        return key
    }

    /// The text up to the closing quote, which has to be the end.
    private static func unquote(_ text: Substring.UTF8View.SubSequence) -> String? {
        var key: [UInt8] = []
        var rest = text.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "\""): return rest.next() == nil ? String(decoding: key, as: UTF8.self) : nil
            case UInt8(ascii: "\\"):
                guard let escaped = rest.next(), escaped == UInt8(ascii: "\"") || escaped == UInt8(ascii: "\\") else {
                    return nil
                }
                key.append(escaped)
            default: key.append(byte)
            }
        }
        return nil
    }
}
