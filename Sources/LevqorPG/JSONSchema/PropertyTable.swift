/// The subschemas of named properties, found by name.
struct PropertyTable: Sendable {
    private let entries: [(name: String, schema: Int)]
    private let positions: [JSONKey: Int]?

    init(_ entries: [(name: String, schema: Int)]) {
        self.entries = entries
        positions =
            entries.count <= JSONObject.linearLimit
            ? nil
            : Dictionary(entries.map { (JSONKey($0.name), $0.schema) }, uniquingKeysWith: { first, _ in first })
    }

    var isEmpty: Bool { entries.isEmpty }

    /// The subschema for a property, or nil.
    ///
    /// - Parameter hint: where to look first; members mostly stand in the order of the schema.
    @inline(__always)
    func schema(for name: String, hint: Int) -> Int? {
        if let positions { return positions[JSONKey(name)] }
        if hint < entries.count, JSONKey.same(entries[hint].name, name) { return entries[hint].schema }
        for entry in entries where JSONKey.same(entry.name, name) { return entry.schema }
        return nil
    }
}
