extension ECMARegexParser {
    /// Reads a character class; its opening bracket has been taken.
    mutating func characterClass() throws(ECMARegexError) -> ECMARegexSet {
        var set = ECMARegexSet(items: [])
        set.isNegated = take("^")
        while !take("]") {
            let low = try classItem()
            guard current == "-", position + 1 < scalars.count, scalars[position + 1] != "]" else {
                set.items.append(low)
                continue
            }
            position += 1
            let high = try classItem()
            guard case .range(let first, _) = low, case .range(_, let last) = high else {
                throw error("a range needs a single character on both sides")
            }
            guard first <= last else { throw error("a range is out of order") }
            set.items.append(.range(first, last))
        }
        return set
    }

    private mutating func classItem() throws(ECMARegexError) -> ECMARegexSet.Item {
        guard let scalar = current else { throw error("a character class is not closed") }
        position += 1
        return scalar == "\\" ? try escapedItem(inClass: true) : .range(scalar.value, scalar.value)
    }

    /// Reads what follows a backslash and stands for one code point or a class of them.
    mutating func escapedItem(inClass: Bool) throws(ECMARegexError) -> ECMARegexSet.Item {
        guard let letter = current else { throw error("the pattern ends with a backslash") }
        position += 1
        switch letter {
        case "d", "D": return .digit(negated: letter == "D")
        case "w", "W": return .word(negated: letter == "W")
        case "s", "S": return .space(negated: letter == "S")
        case "p", "P": return .property(try propertyName(), negated: letter == "P")
        case "t": return .range(0x09, 0x09)
        case "n": return .range(0x0A, 0x0A)
        case "v": return .range(0x0B, 0x0B)
        case "f": return .range(0x0C, 0x0C)
        case "r": return .range(0x0D, 0x0D)
        case "b" where inClass: return .range(0x08, 0x08)
        case "-" where inClass: return .range(0x2D, 0x2D)
        case "c":
            guard let control = current, control.isASCII, control.properties.isAlphabetic else {
                throw error("\\c must be followed by a letter")
            }
            position += 1
            return .range(control.value % 32, control.value % 32)
        case "0":
            if let next = current, ("0"..."9").contains(next) { throw error("\\0 may not be followed by a digit") }
            return .range(0, 0)
        case "x":
            let value = try hexadecimal(digits: 2)
            return .range(value, value)
        case "u":
            let value = try unicodeEscape()
            return .range(value, value)
        case "^", "$", "\\", ".", "*", "+", "?", "(", ")", "[", "]", "{", "}", "|", "/":
            return .range(letter.value, letter.value)
        default:
            position -= 1
            throw error("\\\(letter) is no escape of ECMA-262")
        }
    }

    private mutating func hexadecimal(digits: Int) throws(ECMARegexError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<digits {
            guard let scalar = current, scalar.isASCII, let digit = Character(scalar).hexDigitValue else {
                throw error("\(digits) hexadecimal digits are missing")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func unicodeEscape() throws(ECMARegexError) -> UInt32 {
        if take("{") {
            var value: UInt32 = 0
            var count = 0
            while let scalar = current, scalar.isASCII, let digit = Character(scalar).hexDigitValue {
                value = min(value << 4 | UInt32(digit), 0x110000)
                position += 1
                count += 1
            }
            guard count > 0, value <= 0x10FFFF, take("}") else { throw error("a \\u{...} escape is not valid") }
            return value
        }
        let unit = try hexadecimal(digits: 4)
        if unit & 0xFC00 == 0xD800 {
            let before = position
            if take("\\u"), current != "{" {
                let low = try hexadecimal(digits: 4)
                if low & 0xFC00 == 0xDC00 { return 0x10000 + (unit & 0x3FF) << 10 + (low & 0x3FF) }
            }
            position = before
        }
        return unit
    }

    private mutating func propertyName() throws(ECMARegexError) -> String {
        guard take("{") else { throw error("\\p must be followed by a property in braces") }
        var name = ""
        while let scalar = current, scalar != "}" {
            guard scalar.isASCII,
                scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                    || scalar == "_" || scalar == "="
            else { throw error("a property name holds a character that it may not hold") }
            name.unicodeScalars.append(scalar)
            position += 1
        }
        guard take("}") else { throw error("a property name is not closed") }
        guard ECMARegexProperty.isKnown(name) else { throw error("\\p{\(name)} is no property of ECMA-262") }
        return name
    }
}
