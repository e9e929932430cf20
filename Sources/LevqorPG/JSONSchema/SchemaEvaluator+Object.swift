extension SchemaEvaluator {
    mutating func checkObject(
        _ node: SchemaNode,
        _ value: JSONValue,
        _ object: JSONObject,
        _ parts: EvaluatedParts?
    ) -> Bool {
        guard let rules = node.object else { return true }
        var isValid = true
        let count = object.members.count
        if let limit = rules.maxProperties, count > limit {
            isValid = fail("maxProperties", "\(limit)", "Must have at most \(Self.counted(limit, "member")).")
        }
        if let limit = rules.minProperties, count < limit {
            isValid = fail("minProperties", "\(limit)", "Must have at least \(Self.counted(limit, "member")).")
        }
        for name in rules.required where object.position(of: name) == nil {
            isValid = fail("required", name, "The member \"\(name)\" is missing.")
            if stopsEarly { return false }
        }
        for rule in rules.dependentRequired where object.position(of: rule.name) != nil {
            for name in rule.needs where object.position(of: name) == nil {
                isValid = fail(
                    "dependentRequired",
                    name,
                    "With \"\(rule.name)\" the member \"\(name)\" is needed as well."
                )
            }
        }
        if !isValid, stopsEarly { return false }
        for place in object.members.indices where !checkMember(rules, object.members[place], at: place, parts) {
            isValid = false
            if stopsEarly { return false }
        }
        for rule in rules.dependentSchemas where object.position(of: rule.name) != nil {
            if !evaluate(rule.schema, value, into: parts) {
                isValid = false
                if stopsEarly { return false }
            }
        }
        return isValid
    }

    private mutating func checkMember(
        _ rules: borrowing SchemaNode.ObjectRules,
        _ member: JSONObject.Member,
        at place: Int,
        _ parts: EvaluatedParts?
    ) -> Bool {
        var isValid = true
        var isEvaluated = false
        if let schema = rules.properties.schema(for: member.name, hint: place) {
            isEvaluated = true
            if !descend(.name(member.name), schema, member.value) { isValid = false }
        }
        for rule in rules.patterns where rule.pattern.matches(member.name) {
            isEvaluated = true
            if !descend(.name(member.name), rule.schema, member.value) { isValid = false }
        }
        if !isEvaluated, let schema = rules.additional {
            isEvaluated = true
            if program.nodes[schema].verdict == false {
                isValid = failing(.name(member.name), "additionalProperties", "No member of this name is allowed.")
            } else if !descend(.name(member.name), schema, member.value) {
                isValid = false
            }
        }
        if let names = rules.names, !descend(.name(member.name), names, .string(member.name)) {
            isValid = false
        }
        if isEvaluated { parts?.mark(place) }
        return isValid
    }

    mutating func checkUnevaluatedProperties(_ schema: Int, _ object: JSONObject, _ parts: EvaluatedParts) -> Bool {
        guard !parts.isEverything else { return true }
        var isValid = true
        let isClosed = program.nodes[schema].verdict == false
        for place in object.members.indices where !parts.contains(place) {
            let member = object.members[place]
            if isClosed {
                isValid = failing(.name(member.name), "unevaluatedProperties", "No member of this name is allowed.")
            } else if !descend(.name(member.name), schema, member.value) {
                isValid = false
            }
            if !isValid, stopsEarly { return false }
        }
        parts.markEverything()
        return isValid
    }
}
