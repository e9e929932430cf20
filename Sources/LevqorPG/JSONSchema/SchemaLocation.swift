/// Where a subschema stands: a document and the way to it from the document's root.
struct SchemaLocation: Hashable, Sendable {
    let document: Int
    let tokens: [String]

    /// The location one or more steps further down.
    func appending(_ more: String...) -> SchemaLocation {
        SchemaLocation(document: document, tokens: tokens + more)
    }

    /// The location and all that enclose it, innermost first.
    var enclosing: some Sequence<SchemaLocation> {
        (0...tokens.count).lazy.reversed().map { count in
            SchemaLocation(document: document, tokens: Array(tokens.prefix(count)))
        }
    }
}
