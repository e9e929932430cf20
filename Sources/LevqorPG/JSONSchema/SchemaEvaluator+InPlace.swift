extension SchemaEvaluator {
    mutating func checkInPlace(_ node: SchemaNode, _ value: JSONValue, _ parts: EvaluatedParts?) -> Bool {
        guard let rules = node.inPlace else { return true }
        var isValid = true
        if let schema = rules.reference, !evaluate(schema, value, into: parts) { isValid = false }
        if !isValid, stopsEarly { return false }
        if let reference = rules.dynamicReference {
            let schema = target(of: reference.anchor, fallback: reference.fallback)
            if !evaluate(schema, value, into: parts) { isValid = false }
        }
        for schema in rules.allOf {
            if !isValid, stopsEarly { return false }
            if !evaluate(schema, value, into: parts) { isValid = false }
        }
        if !isValid, stopsEarly { return false }
        if !rules.anyOf.isEmpty, !checkAnyOf(rules.anyOf, value, parts) { isValid = false }
        if !isValid, stopsEarly { return false }
        if !rules.oneOf.isEmpty, !checkOneOf(rules.oneOf, value, parts) { isValid = false }
        if !isValid, stopsEarly { return false }
        if let schema = rules.not, quietly(schema, value, into: nil) {
            isValid = fail("not", nil, "Must not match the schema that is excluded here.")
        }
        if !isValid, stopsEarly { return false }
        if let condition = rules.condition {
            let branch = quietly(condition, value, into: parts) ? rules.then : rules.otherwise
            if let branch, !evaluate(branch, value, into: parts) { isValid = false }
        }
        return isValid
    }

    private mutating func checkAnyOf(_ choices: [Int], _ value: JSONValue, _ parts: EvaluatedParts?) -> Bool {
        var matches = false
        for schema in choices where quietly(schema, value, into: parts) {
            matches = true
            // Only someone who asks what was looked at needs the other choices.
            if parts == nil { return true }
        }
        return matches || explain("anyOf", choices, value, "Must match at least one of \(choices.count) choices.")
    }

    private mutating func checkOneOf(_ choices: [Int], _ value: JSONValue, _ parts: EvaluatedParts?) -> Bool {
        var count = 0
        for schema in choices where quietly(schema, value, into: parts) {
            count += 1
            if count > 1 {
                return fail("oneOf", "1", "Must match exactly one of \(choices.count) choices, but matches more.")
            }
        }
        return count == 1 || explain("oneOf", choices, value, "Must match one of \(choices.count) choices.")
    }

    /// Reports that no choice matched; when only one fits the value's type, reports what is wrong with that one.
    private mutating func explain(
        _ keyword: String,
        _ choices: [Int],
        _ value: JSONValue,
        _ message: @autoclosure () -> String
    ) -> Bool {
        guard isCollecting else { return false }
        let fitting = choices.filter { fits($0, value) }
        guard fitting.count == 1, choices.count > 1 else { return fail(keyword, "\(choices.count)", message()) }
        return evaluate(fitting[0], value, into: nil)
    }

    private func fits(_ schema: Int, _ value: JSONValue) -> Bool {
        var node = program.nodes[schema]
        // Compiling has made sure that references do not run in circles.
        while true {
            if node.verdict == false { return false }
            if let types = node.types { return types.accepts(value) }
            guard let next = node.inPlace?.reference else { return true }
            node = program.nodes[next]
        }
    }
}
