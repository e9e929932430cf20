/// Parses an ECMA-262 pattern with the meaning of the `u` flag.
///
/// It is as strict as that flag: a backslash before a letter without a meaning, a lone brace or bracket, and a
/// quantifier of an assertion are errors.
struct ECMARegexParser {
    let scalars: [Unicode.Scalar]
    var position = 0
    private var groupCount = 0
    private var groupNames: [String: Int] = [:]
    private var depth = 0

    /// The syntax tree of a pattern.
    static func parse(_ pattern: String) throws(ECMARegexError) -> ECMARegexNode {
        var parser = ECMARegexParser(scalars: Array(pattern.unicodeScalars))
        try parser.countGroups()
        let node = try parser.disjunction()
        guard parser.position == parser.scalars.count else { throw parser.error("there is an unmatched )") }
        return node
    }

    private init(scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    var current: Unicode.Scalar? {
        position < scalars.count ? scalars[position] : nil
    }

    func error(_ reason: String) -> ECMARegexError {
        ECMARegexError(message: "\(reason) (at character \(position + 1))")
    }

    mutating func take(_ text: String) -> Bool {
        let wanted = Array(text.unicodeScalars)
        guard position + wanted.count <= scalars.count,
            Array(scalars[position..<(position + wanted.count)]) == wanted
        else { return false }
        position += wanted.count
        return true
    }

    /// Numbers the capturing groups beforehand, because a reference may stand before its group.
    private mutating func countGroups() throws(ECMARegexError) {
        var inClass = false
        while let scalar = current {
            position += 1
            switch scalar {
            case "\\": position += 1
            case "[": inClass = true
            case "]": inClass = false
            case "(" where !inClass:
                if current != "?" {
                    groupCount += 1
                } else if position + 2 < scalars.count, scalars[position + 1] == "<",
                    scalars[position + 2] != "=", scalars[position + 2] != "!"
                {
                    position += 2
                    groupCount += 1
                    let name = try groupName()
                    guard groupNames.updateValue(groupCount, forKey: name) == nil else {
                        throw error("the group name \(name) stands twice")
                    }
                }
            default: break
            }
        }
        position = 0
    }

    private mutating func groupName() throws(ECMARegexError) -> String {
        var name = ""
        while let scalar = current, scalar != ">" {
            let isStart = scalar == "$" || scalar == "_" || scalar.properties.isIDStart
            guard isStart || (!name.isEmpty && scalar.properties.isIDContinue) else {
                throw error("a group name holds a character that it may not hold")
            }
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard !name.isEmpty, take(">") else { throw error("a group name is not complete") }
        return name
    }

    private mutating func disjunction() throws(ECMARegexError) -> ECMARegexNode {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 200 else { throw error("groups are nested too deeply") }
        var choices = [try alternative()]
        while take("|") { choices.append(try alternative()) }
        return choices.count == 1 ? choices[0] : .alternation(choices)
    }

    private mutating func alternative() throws(ECMARegexError) -> ECMARegexNode {
        var terms: [ECMARegexNode] = []
        while let scalar = current, scalar != "|", scalar != ")" { terms.append(try term()) }
        return .sequence(terms)
    }

    private mutating func term() throws(ECMARegexError) -> ECMARegexNode {
        if take("^") { return .start }
        if take("$") { return .end }
        if take("\\b") { return .wordBoundary(negated: false) }
        if take("\\B") { return .wordBoundary(negated: true) }
        for (opening, isAhead, negated) in [
            ("(?=", true, false), ("(?!", true, true), ("(?<=", false, false), ("(?<!", false, true),
        ] where take(opening) {
            let inner = try disjunction()
            try close()
            return .look(inner, isAhead: isAhead, negated: negated)
        }
        return try quantified(atom())
    }

    private mutating func close() throws(ECMARegexError) {
        guard take(")") else { throw error("a group is not closed") }
    }

    private mutating func atom() throws(ECMARegexError) -> ECMARegexNode {
        guard let scalar = current else { throw error("the pattern ends too early") }
        switch scalar {
        case "(":
            position += 1
            var isCapturing = true
            if take("?:") {
                isCapturing = false
            } else if take("?<") {
                _ = try groupName()
            } else if current == "?" {
                throw error("(? starts no known kind of group")
            }
            let inner = try disjunction()
            try close()
            return .group(inner, isCapturing: isCapturing)
        case ".":
            position += 1
            return .set(.dot)
        case "[":
            position += 1
            return .set(try characterClass())
        case "\\":
            return try escapedAtom()
        case "*", "+", "?": throw error("there is nothing to repeat")
        case "{", "}", "]": throw error("\(scalar) must be escaped")
        default:
            position += 1
            return .set(.scalar(scalar))
        }
    }

    private mutating func escapedAtom() throws(ECMARegexError) -> ECMARegexNode {
        position += 1
        if take("k") {
            guard take("<") else { throw error("\\k must be followed by a group name") }
            let name = try groupName()
            guard let number = groupNames[name] else { throw error("there is no group named \(name)") }
            return .backreference(number)
        }
        if let first = current, ("1"..."9").contains(first) {
            var number = 0
            while let digit = current, ("0"..."9").contains(digit) {
                number = min(number * 10 + Int(digit.value - 48), 1_000_000)
                position += 1
            }
            guard number <= groupCount else { throw error("there is no group \(number)") }
            return .backreference(number)
        }
        return .set(ECMARegexSet(items: [try escapedItem(inClass: false)]))
    }

    private mutating func quantified(_ node: ECMARegexNode) throws(ECMARegexError) -> ECMARegexNode {
        var minimum = 0
        var maximum: Int?
        if take("*") {
        } else if take("+") {
            minimum = 1
        } else if take("?") {
            maximum = 1
        } else if take("{") {
            guard let low = number() else { throw error("a quantifier in braces needs a number") }
            minimum = low
            maximum = low
            if take(",") { maximum = number() }
            guard take("}") else { throw error("a quantifier in braces is not closed") }
            if let maximum, maximum < minimum { throw error("the numbers of a quantifier are out of order") }
        } else {
            return node
        }
        return .repetition(node, minimum: minimum, maximum: maximum, isLazy: take("?"))
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let digit = current, ("0"..."9").contains(digit) {
            value = min((value ?? 0) * 10 + Int(digit.value - 48), 1_000_000_000)
            position += 1
        }
        return value
    }
}
