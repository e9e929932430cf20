extension JSONParser {
    /// The error for a byte offset, with its line and column counted from the start of the text.
    func refusal(_ kind: JSONParseError.Kind, at offset: Int, _ message: String) -> JSONParseError {
        var line = 1
        var column = 1
        for byte in bytes[..<min(offset, bytes.count)] {
            if byte == 0x0A {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return JSONParseError(kind: kind, offset: offset, line: line, column: column, message: message)
    }

    /// The error for a text that ends too early.
    func unexpectedEnd(_ wanted: String) -> JSONParseError {
        refusal(.unexpectedEnd, at: bytes.count, "The text ends where \(wanted) was expected.")
    }

    /// The error for the byte at the current position.
    func unexpected(_ wanted: String) -> JSONParseError {
        let byte = bytes[position]
        if byte == 0 {
            return refusal(.nulCharacter, at: position, "The character U+0000 is not allowed.")
        }
        if byte >= 0x80, validSequenceLength(at: position) == nil {
            return refusal(.invalidUTF8, at: position, "The text is not valid UTF-8.")
        }
        guard byte > 0x20, byte < 0x7F else {
            return refusal(.syntax, at: position, "An unexpected character stands where \(wanted) was expected.")
        }
        let shown = Character(Unicode.Scalar(byte))
        return refusal(.syntax, at: position, "The character '\(shown)' stands where \(wanted) was expected.")
    }
}
