/// A schema with a URI of its own, and the names given to parts of it.
struct SchemaResource: Sendable {
    let uri: URIReference
    let location: SchemaLocation
    let dialect: SchemaDialect
    /// Parts by `$anchor` or `$dynamicAnchor`.
    var anchors: [String: SchemaLocation] = [:]
    /// Parts by `$dynamicAnchor` alone.
    var dynamicAnchors: [String: SchemaLocation] = [:]
}
