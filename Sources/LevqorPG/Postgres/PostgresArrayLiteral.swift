/// Writes a one-dimensional PostgreSQL array literal into one buffer.
///
/// Text elements are always quoted, so `NULL`, braces, commas, blanks and the empty string need no cases; inside quotes
/// only `"` and `\` are escaped (PostgreSQL manual, 8.15.6).
struct PostgresArrayLiteral {
    private var bytes: [UInt8]

    init(capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity)
        bytes.append(UInt8(ascii: "{"))
    }

    mutating func append(_ value: String?) {
        separate()
        guard var value else { return appendNull() }
        value.withUTF8 { appendQuoted($0) }
    }

    mutating func append(utf8 value: [UInt8]?) {
        separate()
        guard let value else { return appendNull() }
        value.withUnsafeBufferPointer { appendQuoted($0) }
    }

    mutating func append(_ value: Int?) {
        separate()
        guard let value else { return appendNull() }
        // A number of up to fifteen digits is a small string: no allocation.
        bytes.append(contentsOf: String(value).utf8)
    }

    mutating func append(_ value: Bool?) {
        separate()
        guard let value else { return appendNull() }
        bytes.append(value ? UInt8(ascii: "t") : UInt8(ascii: "f"))
    }

    /// The whole literal. Nothing may be appended afterwards.
    consuming func finish() -> [UInt8] {
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private mutating func separate() {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
    }

    private mutating func appendNull() {
        bytes.append(contentsOf: "NULL".utf8)
    }

    /// Makes room for the worst case first: JSON, which is what comes most, has a quote every few bytes.
    private mutating func appendQuoted(_ text: UnsafeBufferPointer<UInt8>) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(UInt8(ascii: "\""), count: 2 * text.count + 2))
        let end = bytes.withUnsafeMutableBufferPointer { bytes in
            var place = start + 1
            for byte in text {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                    bytes[place] = UInt8(ascii: "\\")
                    place += 1
                }
                bytes[place] = byte
                place += 1
            }
            bytes[place] = UInt8(ascii: "\"")
            return place + 1
        }
        bytes.removeLast(bytes.count - end)
    }
}
