extension SchemaEvaluator {
    mutating func checkValues(_ node: SchemaNode, _ value: JSONValue) -> Bool {
        guard let rules = node.values else { return true }
        if let constant = rules.constant, constant != value {
            return fail("const", constant.briefText, "Must be \(constant.briefText).")
        }
        if let enumeration = rules.enumeration {
            let isListed = rules.enumerationSet?.contains(value) ?? enumeration.contains(value)
            if !isListed {
                let shown = enumeration.prefix(10).map(\.briefText).joined(separator: ", ")
                let list = enumeration.count > 10 ? shown + ", ..." : shown
                return fail("enum", list, "Must be one of: \(list).")
            }
        }
        return true
    }

    mutating func checkNumber(_ node: SchemaNode, _ number: JSONNumber) -> Bool {
        guard let rules = node.number else { return true }
        var isValid = true
        if let limit = rules.minimum, number.compared(to: limit) < 0 {
            isValid = fail("minimum", limit.text, "Must be at least \(limit.text).")
        }
        if let limit = rules.maximum, number.compared(to: limit) > 0 {
            isValid = fail("maximum", limit.text, "Must be at most \(limit.text).")
        }
        if let limit = rules.exclusiveMinimum, number.compared(to: limit) <= 0 {
            isValid = fail("exclusiveMinimum", limit.text, "Must be greater than \(limit.text).")
        }
        if let limit = rules.exclusiveMaximum, number.compared(to: limit) >= 0 {
            isValid = fail("exclusiveMaximum", limit.text, "Must be less than \(limit.text).")
        }
        if let divisor = rules.multipleOf, !number.isMultiple(of: divisor) {
            isValid = fail("multipleOf", divisor.text, "Must be a multiple of \(divisor.text).")
        }
        return isValid
    }

    mutating func checkString(_ node: SchemaNode, _ text: String) -> Bool {
        guard let rules = node.string else { return true }
        var isValid = true
        // A character takes one to four bytes, so most lengths are settled without counting.
        let bytes = text.utf8.count
        if let limit = rules.maxLength, bytes > limit, text.unicodeScalars.count > limit {
            isValid = fail("maxLength", "\(limit)", "Must have at most \(Self.counted(limit, "character")).")
        }
        if let limit = rules.minLength, bytes < limit || (bytes / 4 < limit && text.unicodeScalars.count < limit) {
            isValid = fail("minLength", "\(limit)", "Must have at least \(Self.counted(limit, "character")).")
        }
        // A text of a wrong length is not searched: the pattern may be slow on a long one.
        guard isValid else { return false }
        if let pattern = rules.pattern, !pattern.matches(text) {
            isValid = fail("pattern", pattern.source, "Must match the pattern \(pattern.source)")
        }
        if let format = rules.format, !format.accepts(text) {
            isValid = fail("format", format.rawValue, "Must be \(format.noun).")
        }
        return isValid
    }

    /// "1 item", "2 items".
    static func counted(_ count: Int, _ noun: String) -> String {
        "\(count) \(noun)\(count == 1 ? "" : "s")"
    }
}
