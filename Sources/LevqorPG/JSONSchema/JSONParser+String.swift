extension JSONParser {
    /// Reads a string; the current byte is its opening quote.
    mutating func string() throws(JSONParseError) -> String {
        position += 1
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
                position += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            try plainCharacter(byte)
        }
        throw unexpectedEnd("the closing quote of a string")
    }

    /// Goes on with a string in which an escape was met.
    private mutating func escapedString(from start: Int) throws(JSONParseError) -> String {
        var text = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position += 1
                return String(decoding: text, as: UTF8.self)
            }
            if byte == UInt8(ascii: "\\") {
                try escape(into: &text)
            } else {
                let from = position
                try plainCharacter(byte)
                text.append(contentsOf: bytes[from..<position])
            }
        }
        throw unexpectedEnd("the closing quote of a string")
    }

    /// Steps over one unescaped character and checks that it may stand in a string.
    @inline(__always)
    private mutating func plainCharacter(_ byte: UInt8) throws(JSONParseError) {
        if byte >= 0x20, byte < 0x80 {
            position += 1
        } else {
            try unusualCharacter(byte)
        }
    }

    private mutating func unusualCharacter(_ byte: UInt8) throws(JSONParseError) {
        if byte == 0 {
            throw refusal(.nulCharacter, at: position, "The character U+0000 is not allowed.")
        }
        if byte < 0x20 {
            throw refusal(.controlCharacter, at: position, "Control characters in a string must be escaped.")
        }
        guard let length = validSequenceLength(at: position) else {
            throw refusal(.invalidUTF8, at: position, "The text is not valid UTF-8.")
        }
        position += length
    }

    /// The length of the well-formed UTF-8 sequence of two to four bytes that starts here (Unicode, table 3-7).
    func validSequenceLength(at start: Int) -> Int? {
        func byte(_ index: Int, in range: ClosedRange<UInt8>) -> Bool {
            start + index < bytes.count && range.contains(bytes[start + index])
        }
        let tail: ClosedRange<UInt8> = 0x80...0xBF
        switch bytes[start] {
        case 0xC2...0xDF:
            return byte(1, in: tail) ? 2 : nil
        case 0xE0:
            return byte(1, in: 0xA0...0xBF) && byte(2, in: tail) ? 3 : nil
        case 0xED:
            return byte(1, in: 0x80...0x9F) && byte(2, in: tail) ? 3 : nil
        case 0xE1...0xEF:
            return byte(1, in: tail) && byte(2, in: tail) ? 3 : nil
        case 0xF0:
            return byte(1, in: 0x90...0xBF) && byte(2, in: tail) && byte(3, in: tail) ? 4 : nil
        case 0xF1...0xF3:
            return byte(1, in: tail) && byte(2, in: tail) && byte(3, in: tail) ? 4 : nil
        case 0xF4:
            return byte(1, in: 0x80...0x8F) && byte(2, in: tail) && byte(3, in: tail) ? 4 : nil
        default:
            return nil
        }
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONParseError) {
        let start = position
        guard position + 1 < bytes.count else { throw unexpectedEnd("the rest of an escape") }
        let letter = bytes[position + 1]
        position += 2
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): try unicodeEscape(from: start, into: &text)
        default:
            throw refusal(
                .invalidEscape,
                at: start,
                "A backslash may be followed only by one of \" \\ / b f n r t or by u and four hexadecimal digits."
            )
        }
    }

    private mutating func unicodeEscape(from start: Int, into text: inout [UInt8]) throws(JSONParseError) {
        let unit = try fourHexadecimalDigits(from: start)
        var code = UInt32(unit)
        if unit & 0xFC00 == 0xD800 {
            guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                bytes[position + 1] == UInt8(ascii: "u")
            else { throw loneSurrogate(at: start) }
            let second = position
            position += 2
            let low = try fourHexadecimalDigits(from: second)
            guard low & 0xFC00 == 0xDC00 else { throw loneSurrogate(at: start) }
            code = 0x10000 + (UInt32(unit & 0x3FF) << 10) + UInt32(low & 0x3FF)
        }
        guard code != 0 else {
            throw refusal(.nulCharacter, at: start, "The character U+0000 is not allowed, escaped or not.")
        }
        guard let scalar = Unicode.Scalar(code) else { throw loneSurrogate(at: start) }
        text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    private func loneSurrogate(at start: Int) -> JSONParseError {
        refusal(.loneSurrogate, at: start, "A surrogate escape (\\uD800 to \\uDFFF) stands without its other half.")
    }

    private mutating func fourHexadecimalDigits(from start: Int) throws(JSONParseError) -> UInt16 {
        guard position + 4 <= bytes.count else { throw unexpectedEnd("four hexadecimal digits") }
        var value: UInt16 = 0
        for index in position..<(position + 4) {
            let digit: UInt8
            switch bytes[index] {
            case let byte where byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"): digit = byte - 48
            case let byte where byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f"): digit = byte - 87
            case let byte where byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "F"): digit = byte - 55
            default:
                throw refusal(.invalidEscape, at: start, "The escape \\u must be followed by four hexadecimal digits.")
            }
            value = value << 4 | UInt16(digit)
        }
        position += 4
        return value
    }
}
