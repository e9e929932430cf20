import Foundation

extension SchemaCompiler {
    private static let schemaKeywords = [
        "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames", "then",
        "unevaluatedItems", "unevaluatedProperties",
    ]
    private static let arrayKeywords = ["allOf", "anyOf", "oneOf", "prefixItems"]
    private static let mapKeywords = ["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"]

    /// Reads the identifiers of a document.
    mutating func addDocument(_ value: JSONValue, uri: String) throws(JSONSchemaError) {
        documents.append((uri, value))
        try scan(value, at: SchemaLocation(document: documents.count - 1, tokens: []))
    }

    private mutating func scan(_ value: JSONValue, at location: SchemaLocation) throws(JSONSchemaError) {
        guard let object = value.object else {
            if location.tokens.isEmpty { try addResource(nil, at: location) }
            return
        }
        if location.tokens.isEmpty || object["$id"] != nil { try addResource(object, at: location) }
        let resource = resource(of: location)
        for keyword in ["$anchor", "$dynamicAnchor"] {
            guard let name = object[keyword] else { continue }
            guard let name = name.string, Self.isAnchor(name) else {
                throw error(location.appending(keyword), "must be a name of letters, digits, '-', '_' and '.'")
            }
            if let other = resources[resource].anchors.updateValue(location, forKey: name), other != location {
                throw error(location.appending(keyword), "the anchor \(name) stands twice")
            }
            if keyword == "$dynamicAnchor" { resources[resource].dynamicAnchors[name] = location }
        }
        for keyword in Self.schemaKeywords {
            if let value = object[keyword] { try scan(value, at: location.appending(keyword)) }
        }
        for keyword in Self.arrayKeywords {
            for (index, value) in (object[keyword]?.array ?? []).enumerated() {
                try scan(value, at: location.appending(keyword, "\(index)"))
            }
        }
        for keyword in Self.mapKeywords {
            for member in object[keyword]?.object?.members ?? [] {
                try scan(member.value, at: location.appending(keyword, member.name))
            }
        }
    }

    private static func isAnchor(_ name: String) -> Bool {
        guard let first = name.utf8.first, first == 0x5F || (0x61...0x7A).contains(first | 0x20) else { return false }
        return name.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || byte == 0x5F || byte == 0x2D
                || byte == 0x2E
        }
    }

    private mutating func addResource(_ object: JSONObject?, at location: SchemaLocation) throws(JSONSchemaError) {
        let outer = location.tokens.isEmpty ? nil : resources[resource(of: location)]
        guard let base = outer?.uri ?? URIReference(documents[location.document].uri, international: true) else {
            throw error(location, "the URI of the document is not valid")
        }
        var uri = base
        if let identifier = object?["$id"] {
            guard let text = identifier.string, let reference = URIReference(text, international: true),
                reference.fragment?.isEmpty ?? true
            else { throw error(location.appending("$id"), "must be a URI reference without a fragment") }
            uri = base.resolving(reference).withoutFragment
        }
        var dialect = outer?.dialect ?? resources.first?.dialect ?? .standard
        if let declared = object?["$schema"] {
            guard let text = declared.string else { throw error(location.appending("$schema"), "must be a URI") }
            dialect = try self.dialect(text, at: location.appending("$schema"))
        }
        resources.append(SchemaResource(uri: uri, location: location, dialect: dialect))
        let resource = resources.count - 1
        resourceByLocation[location] = resource
        // A document answers to the URI it was found by and to its own.
        for name in Set([uri.text, location.tokens.isEmpty ? base.text : uri.text]) {
            if resourceByURI[name] == nil {
                resourceByURI[name] = resource
            } else if location.document == 0 {
                throw error(location.appending("$id"), "the URI \(name) stands twice")
            }
        }
    }

    private func dialect(_ uri: String, at location: SchemaLocation) throws(JSONSchemaError) -> SchemaDialect {
        let name = uri.hasSuffix("#") ? String(uri.dropLast()) : uri
        if name == SchemaDialect.standardURI { return .standard }
        guard let metaschema = registered(name) else { throw error(location, "the dialect \(uri) is not known") }
        guard let dialect = SchemaDialect(metaschema: metaschema) else {
            throw error(location, "the dialect \(uri) demands a vocabulary that is not known")
        }
        return dialect
    }

    private func registered(_ uri: String) -> JSONValue? {
        registry[uri] ?? Metaschemas.document(uri)
    }

    /// What a reference leads to, and its anchor if that is a dynamic one.
    mutating func resolve(
        _ reference: String,
        at location: SchemaLocation
    ) throws(JSONSchemaError) -> (location: SchemaLocation, dynamicAnchor: String?) {
        guard let parsed = URIReference(reference, international: true) else {
            throw error(location, "\(reference) is not a URI reference")
        }
        let target = resources[resource(of: location)].uri.resolving(parsed)
        let uri = target.withoutFragment.text
        if resourceByURI[uri] == nil { try load(uri) }
        guard let number = resourceByURI[uri] else {
            throw error(location, "\(reference) leads to \(uri), which is not in the registry")
        }
        let resource = resources[number]
        guard let fragment = (target.fragment ?? "").removingPercentEncoding else {
            throw error(location, "the fragment of \(reference) is not valid")
        }
        if fragment.isEmpty { return (resource.location, nil) }
        if fragment.hasPrefix("/") {
            guard let tokens = JSONPointer.tokens(fragment) else {
                throw error(location, "the fragment of \(reference) is not a JSON pointer")
            }
            let found = SchemaLocation(
                document: resource.location.document,
                tokens: resource.location.tokens + tokens
            )
            guard value(at: found) != nil else { throw error(location, "\(reference) leads to nothing") }
            return (found, nil)
        }
        guard let found = resource.anchors[fragment] else {
            throw error(location, "there is no anchor \(fragment) in \(uri.isEmpty ? "the schema" : uri)")
        }
        return (found, resource.dynamicAnchors[fragment] == nil ? nil : fragment)
    }

    /// Reads the registry's document of a URI; if there is none, all of them, since one may hold it inside.
    private mutating func load(_ uri: String) throws(JSONSchemaError) {
        if let document = registered(uri) {
            try addDocument(document, uri: uri)
            return
        }
        for (name, document) in registry.sorted(by: { $0.key < $1.key }) where resourceByURI[name] == nil {
            try addDocument(document, uri: name)
        }
    }
}
