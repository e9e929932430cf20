/// A compiled schema: all subschemas in one list, referring to one another by index.
final class SchemaProgram: Sendable {
    let nodes: [SchemaNode]
    let root: Int
    /// By name of a dynamic anchor: the subschema that bears it in each schema resource.
    let dynamicAnchors: [String: [Int: Int]]
    /// Whether any `$dynamicRef` needs to know which resources were entered.
    let needsDynamicScope: Bool

    init(nodes: [SchemaNode], root: Int, dynamicAnchors: [String: [Int: Int]], needsDynamicScope: Bool) {
        self.nodes = nodes
        self.root = root
        self.dynamicAnchors = dynamicAnchors
        self.needsDynamicScope = needsDynamicScope
    }
}
