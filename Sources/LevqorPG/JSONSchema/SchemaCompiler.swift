/// Turns a schema document into a program.
///
/// A work list of locations is compiled one by one, and a reference adds its target to the list, so recursion in a
/// schema needs no recursion here. Documents of the registry are read when a reference first names them.
struct SchemaCompiler {
    let registry: [String: JSONValue]
    let formats: JSONSchema.Formats
    var documents: [(uri: String, value: JSONValue)] = []
    var resources: [SchemaResource] = []
    var resourceByURI: [String: Int] = [:]
    var resourceByLocation: [SchemaLocation: Int] = [:]
    var usesDynamicReferences = false
    private var indices: [SchemaLocation: Int] = [:]
    private var locations: [SchemaLocation] = []

    init(registry: [String: JSONValue], formats: JSONSchema.Formats) {
        self.registry = registry
        self.formats = formats
    }

    /// Compiles a schema and everything that it refers to.
    mutating func compile(_ schema: JSONValue) throws(JSONSchemaError) -> SchemaProgram {
        try addDocument(schema, uri: "")
        let root = index(of: SchemaLocation(document: 0, tokens: []))
        var nodes: [SchemaNode] = []
        while nodes.count < locations.count {
            nodes.append(try node(at: locations[nodes.count]))
            if nodes.count == locations.count, usesDynamicReferences { demandDynamicAnchors() }
        }
        var dynamicAnchors: [String: [Int: Int]] = [:]
        if usesDynamicReferences {
            for (resource, entry) in resources.enumerated() {
                for (name, location) in entry.dynamicAnchors {
                    dynamicAnchors[name, default: [:]][resource] = index(of: location)
                }
            }
        }
        try refuseLoops(nodes)
        return SchemaProgram(
            nodes: nodes,
            root: root,
            dynamicAnchors: dynamicAnchors,
            needsDynamicScope: usesDynamicReferences
        )
    }

    /// The number of the subschema at a location; a new one is put on the work list.
    mutating func index(of location: SchemaLocation) -> Int {
        if let index = indices[location] { return index }
        let index = locations.count
        indices[location] = index
        locations.append(location)
        return index
    }

    /// A dynamic reference may lead to any subschema that bears its anchor, so all of them are compiled.
    private mutating func demandDynamicAnchors() {
        for resource in resources {
            for location in resource.dynamicAnchors.values { _ = index(of: location) }
        }
    }

    /// The resource that a location belongs to: that of the nearest subschema with an `$id`, or of the document.
    func resource(of location: SchemaLocation) -> Int {
        for enclosing in location.enclosing {
            if let resource = resourceByLocation[enclosing] { return resource }
        }
        return 0
    }

    /// The part of a document at a location, or nil.
    func value(at location: SchemaLocation) -> JSONValue? {
        var value = documents[location.document].value
        for token in location.tokens {
            switch value {
            case .object(let object):
                guard let next = object[token] else { return nil }
                value = next
            case .array(let elements):
                guard let index = Int(token), "\(index)" == token, elements.indices.contains(index) else { return nil }
                value = elements[index]
            default: return nil
            }
        }
        return value
    }

    /// The error for a place in a schema.
    func error(_ location: SchemaLocation, _ reason: String) -> JSONSchemaError {
        JSONSchemaError(
            document: documents[location.document].uri,
            pointer: JSONPointer.text(location.tokens),
            reason: reason
        )
    }

    /// Refuses references that lead back to their start without stepping into the value.
    private func refuseLoops(_ nodes: [SchemaNode]) throws(JSONSchemaError) {
        enum Mark { case open, done }
        var marks: [Int: Mark] = [:]
        for start in nodes.indices where marks[start] == nil {
            var stack = [(node: start, next: 0)]
            marks[start] = .open
            while let (node, next) = stack.last {
                let targets =
                    (nodes[node].inPlace?.targets ?? [])
                    + (nodes[node].object?.dependentSchemas.map(\.schema) ?? [])
                guard next < targets.count else {
                    marks[node] = .done
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].next += 1
                switch marks[targets[next]] {
                case .open:
                    throw error(locations[node], "the schema applies itself to the same value without end")
                case .done: continue
                case nil:
                    marks[targets[next]] = .open
                    stack.append((targets[next], 0))
                }
            }
        }
    }
}
