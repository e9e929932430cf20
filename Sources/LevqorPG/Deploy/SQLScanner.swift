/// Walks over a script and finds where its statements end.
struct SQLScanner {
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var line = 1

    init(_ script: String) {
        scalars = Array(script.unicodeScalars)
    }

    /// The next statement; nil at the end. Empty ones are skipped.
    mutating func next() -> SQLStatement? {
        var start: (index: Int, line: Int)?
        var atomic = 0
        var lastWord = ""
        while index < scalars.count {
            if skipBlankOrComment() { continue }
            let scalar = scalars[index]
            if scalar == ";", atomic == 0 {
                let end = index
                index += 1
                if let start { return statement(start, end) }
                continue
            }
            if start == nil { start = (index, line) }
            if scalar == "'" || scalar == "\"" {
                skipQuoted(scalar, escapes: scalar == "'" && isEscapeString)
            } else if scalar == "$", skipDollarQuoted() {
                continue
            } else if isWordStart(scalar) {
                let word = takeWord()
                // Only `begin atomic` of an SQL-standard body holds semicolons; CASE has an END of its own.
                if word == "atomic" && lastWord == "begin" { atomic = 1 }
                if atomic > 0 && word == "case" { atomic += 1 }
                if atomic > 0 && word == "end" { atomic -= 1 }
                lastWord = word
            } else {
                advance()
            }
        }
        return start.flatMap { statement($0, index) }
    }

    private func statement(_ start: (index: Int, line: Int), _ end: Int) -> SQLStatement {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars[start.index..<end])
        return SQLStatement(text: String(text), line: start.line, range: start.index..<end)
    }

    private mutating func advance() {
        if scalars[index] == "\n" { line += 1 }
        index += 1
    }

    private func peek(_ offset: Int) -> Unicode.Scalar? {
        index + offset < scalars.count ? scalars[index + offset] : nil
    }

    private mutating func skipBlankOrComment() -> Bool {
        if scalars[index].properties.isWhitespace {
            advance()
            return true
        }
        if scalars[index] == "-", peek(1) == "-" {
            while index < scalars.count, scalars[index] != "\n" { index += 1 }
            return true
        }
        guard scalars[index] == "/", peek(1) == "*" else { return false }
        var depth = 0
        while index < scalars.count {
            if scalars[index] == "/", peek(1) == "*" {
                depth += 1
                index += 2
            } else if scalars[index] == "*", peek(1) == "/" {
                depth -= 1
                index += 2
                if depth == 0 { break }
            } else {
                advance()
            }
        }
        return true
    }

    /// Whether the quote here opens an E'...' string. The E was taken as a word just before.
    private var isEscapeString: Bool {
        guard index > 0, scalars[index - 1] == "e" || scalars[index - 1] == "E" else { return false }
        return index < 2 || !isWordPart(scalars[index - 2])
    }

    private mutating func skipQuoted(_ quote: Unicode.Scalar, escapes: Bool) {
        advance()
        while index < scalars.count {
            let isPair = scalars[index] == quote && peek(1) == quote
            if isPair || (escapes && scalars[index] == "\\" && index + 1 < scalars.count) {
                advance()
                advance()
            } else if scalars[index] == quote {
                advance()
                return
            } else {
                advance()
            }
        }
    }

    private mutating func skipDollarQuoted() -> Bool {
        var end = index + 1
        while end < scalars.count, isWordPart(scalars[end]), scalars[end] != "$" { end += 1 }
        guard end < scalars.count, scalars[end] == "$" else { return false }
        let tag = scalars[index...end]
        if tag.count > 2, let first = tag.dropFirst().first, ("0"..."9").contains(first) { return false }
        for _ in tag { advance() }
        while index < scalars.count {
            if scalars[index] == "$", scalars[index...].starts(with: tag) {
                index += tag.count
                return true
            }
            advance()
        }
        return true
    }

    private mutating func takeWord() -> String {
        var word = String.UnicodeScalarView()
        while index < scalars.count, isWordPart(scalars[index]) {
            word.append(scalars[index])
            index += 1
        }
        return String(word).lowercased()
    }

    private func isWordStart(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || scalar.properties.isAlphabetic || scalar.value > 127
    }

    private func isWordPart(_ scalar: Unicode.Scalar) -> Bool {
        isWordStart(scalar) || scalar == "$" || ("0"..."9").contains(scalar)
    }
}
