extension SchemaCompiler {
    /// Compiles the subschema at a location; those it contains or refers to go on the work list.
    mutating func node(at location: SchemaLocation) throws(JSONSchemaError) -> SchemaNode {
        let resource = resource(of: location)
        guard let value = value(at: location) else { throw error(location, "there is no schema here") }
        if let verdict = value.bool { return SchemaNode(resource: resource, verdict: verdict) }
        guard let object = value.object else { throw error(location, "a schema is an object, true or false") }
        let source = SchemaSource(object: object, location: location, document: documents[location.document].uri)
        let dialect = resources[resource].dialect
        let validates = dialect.contains(.validation)
        let isUnevaluated = dialect.contains(.unevaluated)
        return SchemaNode(
            resource: resource,
            types: validates ? try types(source) : nil,
            values: validates ? try valueRules(source) : nil,
            number: validates ? try numberRules(source) : nil,
            string: try stringRules(source, dialect),
            array: try arrayRules(source, dialect),
            object: try objectRules(source, dialect),
            inPlace: try inPlaceRules(source, dialect),
            unevaluatedItems: isUnevaluated ? subschema(source, "unevaluatedItems") : nil,
            unevaluatedProperties: isUnevaluated ? subschema(source, "unevaluatedProperties") : nil
        )
    }

    private mutating func subschema(_ source: SchemaSource, _ keyword: String) -> Int? {
        source.has(keyword) ? index(of: source.location.appending(keyword)) : nil
    }

    private mutating func subschemas(_ source: SchemaSource, _ keyword: String) throws(JSONSchemaError) -> [Int] {
        guard let list = try source.list(keyword) else { return [] }
        guard !list.isEmpty else { throw source.error(keyword, "must not be empty") }
        return list.indices.map { index(of: source.location.appending(keyword, "\($0)")) }
    }

    private func types(_ source: SchemaSource) throws(JSONSchemaError) -> JSONTypeSet? {
        guard let value = source.object["type"] else { return nil }
        let names = if let name = value.string { [name] } else { try source.names("type", value) }
        var types: JSONTypeSet = []
        for name in names {
            guard let type = JSONTypeSet(name: name) else { throw source.error("type", "there is no type \(name)") }
            types.formUnion(type)
        }
        guard !types.isEmpty else { throw source.error("type", "must not be empty") }
        return types
    }

    private func valueRules(_ source: SchemaSource) throws(JSONSchemaError) -> SchemaNode.ValueRules? {
        guard source.has("enum") || source.has("const") else { return nil }
        var rules = SchemaNode.ValueRules()
        rules.enumeration = try source.list("enum")
        if let values = rules.enumeration, values.count > 8 { rules.enumerationSet = Set(values) }
        rules.constant = source.object["const"]
        return rules
    }

    private func numberRules(_ source: SchemaSource) throws(JSONSchemaError) -> SchemaNode.NumberRules? {
        let keywords = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]
        guard keywords.contains(where: source.has) else { return nil }
        var rules = SchemaNode.NumberRules()
        rules.minimum = try source.number("minimum")
        rules.maximum = try source.number("maximum")
        rules.exclusiveMinimum = try source.number("exclusiveMinimum")
        rules.exclusiveMaximum = try source.number("exclusiveMaximum")
        rules.multipleOf = try source.number("multipleOf")
        if let divisor = rules.multipleOf {
            guard divisor.isCompact, divisor.coefficient > 0 else {
                throw source.error("multipleOf", "must be above 0 and have at most 18 significant digits")
            }
        }
        return rules
    }

    private func stringRules(
        _ source: SchemaSource,
        _ dialect: SchemaDialect
    ) throws(JSONSchemaError) -> SchemaNode.StringRules? {
        var rules = SchemaNode.StringRules()
        if dialect.contains(.validation) {
            rules.minLength = try source.count("minLength")
            rules.maxLength = try source.count("maxLength")
            if let text = try source.text("pattern") { rules.pattern = try source.pattern("pattern", text) }
        }
        let isAsserted =
            dialect.contains(.formatAssertion)
            || (dialect.contains(.formatAnnotation) && formats == .asserted)
        if let name = try source.text("format"), isAsserted { rules.format = StringFormat(rawValue: name) }
        let isEmpty = rules.minLength == nil && rules.maxLength == nil && rules.pattern == nil && rules.format == nil
        return isEmpty ? nil : rules
    }

    private mutating func arrayRules(
        _ source: SchemaSource,
        _ dialect: SchemaDialect
    ) throws(JSONSchemaError) -> SchemaNode.ArrayRules? {
        let keywords = ["minItems", "maxItems", "uniqueItems", "prefixItems", "items", "contains"]
        guard keywords.contains(where: source.has) else { return nil }
        var rules = SchemaNode.ArrayRules()
        if dialect.contains(.validation) {
            rules.minItems = try source.count("minItems")
            rules.maxItems = try source.count("maxItems")
            rules.hasUniqueItems = try source.truth("uniqueItems") ?? false
            rules.minContains = try source.count("minContains") ?? 1
            rules.maxContains = try source.count("maxContains")
        }
        if dialect.contains(.applicator) {
            rules.prefix = try subschemas(source, "prefixItems")
            rules.items = subschema(source, "items")
            rules.contains = subschema(source, "contains")
        }
        return rules
    }

    private mutating func objectRules(
        _ source: SchemaSource,
        _ dialect: SchemaDialect
    ) throws(JSONSchemaError) -> SchemaNode.ObjectRules? {
        let keywords = [
            "minProperties", "maxProperties", "required", "dependentRequired", "dependentSchemas", "properties",
            "patternProperties", "additionalProperties", "propertyNames",
        ]
        guard keywords.contains(where: source.has) else { return nil }
        var rules = SchemaNode.ObjectRules()
        if dialect.contains(.validation) {
            rules.minProperties = try source.count("minProperties")
            rules.maxProperties = try source.count("maxProperties")
            if let names = source.object["required"] { rules.required = try source.names("required", names) }
            for member in try source.map("dependentRequired") {
                rules.dependentRequired.append((member.name, try source.names("dependentRequired", member.value)))
            }
        }
        guard dialect.contains(.applicator) else { return rules }
        rules.properties = PropertyTable(
            try source.map("properties").map { member in
                (member.name, index(of: source.location.appending("properties", member.name)))
            }
        )
        for member in try source.map("patternProperties") {
            let pattern = try source.pattern("patternProperties", member.name)
            let schema = index(of: source.location.appending("patternProperties", member.name))
            rules.patterns.append((pattern, schema))
        }
        for member in try source.map("dependentSchemas") {
            let schema = index(of: source.location.appending("dependentSchemas", member.name))
            rules.dependentSchemas.append((member.name, schema))
        }
        rules.additional = subschema(source, "additionalProperties")
        rules.names = subschema(source, "propertyNames")
        return rules
    }

    private mutating func inPlaceRules(
        _ source: SchemaSource,
        _ dialect: SchemaDialect
    ) throws(JSONSchemaError) -> SchemaNode.InPlaceRules? {
        let keywords = ["$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "not", "if"]
        guard keywords.contains(where: source.has) else { return nil }
        var rules = SchemaNode.InPlaceRules()
        if dialect.contains(.applicator) {
            rules.allOf = try subschemas(source, "allOf")
            rules.anyOf = try subschemas(source, "anyOf")
            rules.oneOf = try subschemas(source, "oneOf")
            rules.not = subschema(source, "not")
            rules.condition = subschema(source, "if")
            rules.then = rules.condition == nil ? nil : subschema(source, "then")
            rules.otherwise = rules.condition == nil ? nil : subschema(source, "else")
        }
        if let reference = try source.text("$ref") {
            rules.reference = index(of: try resolve(reference, at: source.location.appending("$ref")).location)
        }
        if let reference = try source.text("$dynamicRef") {
            let target = try resolve(reference, at: source.location.appending("$dynamicRef"))
            let schema = index(of: target.location)
            if let anchor = target.dynamicAnchor {
                rules.dynamicReference = (anchor, schema)
                usesDynamicReferences = true
            } else {
                rules.allOf.append(schema)
            }
        }
        return rules
    }
}
