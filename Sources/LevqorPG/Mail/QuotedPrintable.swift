/// Quoted-printable (RFC 2045): readable text in lines of at most 76 ASCII characters.
enum QuotedPrintable {
    private static let lineLength = 76
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// A text with line ends of any kind, as bytes with CRLF line ends, the last line's included.
    ///
    /// What servers on the way may change is encoded as well: a dot or the word From at the start of a line, white space
    /// at its end.
    static func encode(_ text: String) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count * 5 / 4 + 2)
        let normal = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        var lines = normal.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for line in lines {
            append(Array(line), to: &output)
        }
        return output
    }

    private static func append(_ line: [UInt8], to output: inout [UInt8]) {
        let startsWithFrom = line.starts(with: "From ".utf8)
        var length = 0
        for (place, byte) in line.enumerated() {
            let isLast = place == line.count - 1
            var isPlain = (0x20...0x7e).contains(byte) && byte != UInt8(ascii: "=") || byte == 0x09
            if isLast && (byte == 0x20 || byte == 0x09) { isPlain = false }
            // Also at the start of a line that a soft break made.
            if length == 0 && byte == UInt8(ascii: ".") || place == 0 && startsWithFrom { isPlain = false }
            let width = isPlain ? 1 : 3
            // A soft break needs a place of its own, except behind the last byte.
            if length + width > (isLast ? lineLength : lineLength - 1) {
                output += Array("=\r\n".utf8)
                length = 0
                if byte == UInt8(ascii: ".") { isPlain = false }
            }
            if isPlain {
                output.append(byte)
            } else {
                output += [UInt8(ascii: "="), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
            length += isPlain ? 1 : 3
        }
        output += Array("\r\n".utf8)
    }
}
