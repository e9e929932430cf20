/// Texts in header fields: encoded words (RFC 2047) and folded lines (RFC 5322).
enum HeaderText {
    /// Lines are folded to this length where there is a place to fold at.
    private static let lineLength = 76
    /// Bytes in one encoded word: with its frame and the longest field name in use it fits on a line.
    private static let bytesPerWord = 39

    /// A field with its line end.
    ///
    /// - Parameter words: Pieces without white space at their ends; the receiver sees them with one space between.
    static func field(_ name: String, _ words: [String]) -> String {
        var text = name + ":"
        var length = text.utf8.count
        for (place, word) in words.enumerated() {
            if place > 0, length + 1 + word.utf8.count > lineLength {
                text += "\r\n"
                length = 0
            }
            text += " " + word
            length += 1 + word.utf8.count
        }
        return text + "\r\n"
    }

    /// A field of free text. Line breaks and other control characters in it become spaces: a text can not add fields.
    static func field(_ name: String, freeText: String) -> String {
        field(name, words(of: plain(freeText)))
    }

    /// A field of addresses.
    static func field(_ name: String, addresses: [MailAddress]) -> String {
        let words = addresses.enumerated().flatMap { place, address in
            var words = address.headerWords
            if place < addresses.count - 1 { words[words.count - 1] += "," }
            return words
        }
        return field(name, words)
    }

    /// A text on one line, without control characters.
    static func plain(_ text: String) -> String {
        let scalars = text.unicodeScalars.map { isPartOfLine($0) ? Character($0) : " " }
        return String(scalars).split(separator: " ").joined(separator: " ")
    }

    /// Whether a text holds no line break and no other control character.
    static func isOneLine(_ text: String) -> Bool { text.unicodeScalars.allSatisfy(isPartOfLine) }

    private static func isPartOfLine(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }

    /// Encoded words that together stand for the text. No character is cut in two.
    static func encodedWords(_ text: String) -> [String] {
        var words: [String] = []
        var bytes: [UInt8] = []
        func finish() {
            if !bytes.isEmpty { words.append("=?utf-8?B?\(Base64.encode(bytes))?=") }
            bytes = []
        }
        for scalar in text.unicodeScalars {
            let next = Array(String(scalar).utf8)
            if bytes.count + next.count > bytesPerWord { finish() }
            bytes += next
        }
        finish()
        return words
    }

    private static func words(of text: String) -> [String] {
        let words = text.split(separator: " ").map(String.init)
        let isPlain =
            text.allSatisfy(\.isASCII) && !text.contains("=?") && words.allSatisfy { $0.utf8.count < lineLength }
        return isPlain ? words : encodedWords(text)
    }
}
