extension SchemaEvaluator {
    mutating func checkArray(_ node: SchemaNode, _ elements: [JSONValue], _ parts: EvaluatedParts?) -> Bool {
        guard let rules = node.array else { return true }
        var isValid = true
        if let limit = rules.maxItems, elements.count > limit {
            isValid = fail("maxItems", "\(limit)", "Must have at most \(Self.counted(limit, "item")).")
        }
        if let limit = rules.minItems, elements.count < limit {
            isValid = fail("minItems", "\(limit)", "Must have at least \(Self.counted(limit, "item")).")
        }
        if !isValid, stopsEarly { return false }
        if rules.hasUniqueItems, let place = firstDuplicate(elements) {
            isValid = fail("uniqueItems", "true", "Items must differ, but item \(place) stands there twice.")
            if stopsEarly { return false }
        }
        let prefix = min(rules.prefix.count, elements.count)
        for index in 0..<prefix where !descend(.index(index), rules.prefix[index], elements[index]) {
            isValid = false
            if stopsEarly { return false }
        }
        parts?.markPrefix(prefix)
        if let items = rules.items {
            for index in prefix..<elements.count {
                if program.nodes[items].verdict == false {
                    let limit = rules.prefix.count
                    isValid = fail("items", "\(limit)", "Must have no more than \(Self.counted(limit, "item")).")
                    break
                }
                if !descend(.index(index), items, elements[index]) {
                    isValid = false
                    if stopsEarly { return false }
                }
            }
            parts?.markEverything()
        }
        if rules.contains != nil, !checkContains(rules, elements, parts) { isValid = false }
        return isValid
    }

    private func firstDuplicate(_ elements: [JSONValue]) -> Int? {
        // A few are compared faster than hashed; many must be hashed, or the time would grow with the square.
        if elements.count <= 8 {
            return elements.indices.first { place in elements[..<place].contains(elements[place]) }
        }
        var seen: Set<JSONValue> = []
        seen.reserveCapacity(elements.count)
        return elements.indices.first { !seen.insert(elements[$0]).inserted }
    }

    private mutating func checkContains(
        _ rules: SchemaNode.ArrayRules,
        _ elements: [JSONValue],
        _ parts: EvaluatedParts?
    ) -> Bool {
        guard let schema = rules.contains else { return true }
        var count = 0
        for (index, element) in elements.enumerated() where quietly(schema, element, into: nil) {
            count += 1
            parts?.mark(index)
            if parts == nil, rules.maxContains == nil, count >= rules.minContains { break }
        }
        if count < rules.minContains {
            let limit = rules.minContains
            let keyword = limit == 1 ? "contains" : "minContains"
            return fail(keyword, "\(limit)", "Must have at least \(Self.counted(limit, "item")) of the demanded kind.")
        }
        if let limit = rules.maxContains, count > limit {
            return fail(
                "maxContains",
                "\(limit)",
                "Must have at most \(Self.counted(limit, "item")) of the demanded kind."
            )
        }
        return true
    }

    mutating func checkUnevaluatedItems(_ schema: Int, _ elements: [JSONValue], _ parts: EvaluatedParts) -> Bool {
        guard !parts.isEverything else { return true }
        var isValid = true
        let isClosed = program.nodes[schema].verdict == false
        for index in elements.indices where !parts.contains(index) {
            if isClosed {
                isValid = failing(.index(index), "unevaluatedItems", "No item is allowed at this place.")
            } else if !descend(.index(index), schema, elements[index]) {
                isValid = false
            }
            if !isValid, stopsEarly { return false }
        }
        parts.markEverything()
        return isValid
    }
}
