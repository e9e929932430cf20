/// All routes, found by method and path.
///
/// A tree of path segments: a literal segment wins over a `{named}` one, and the search turns back where a literal leads
/// nowhere. Immutable; a reload makes a new one.
struct RouteTable: Sendable {
    /// What a path leads to.
    enum Match: Sendable {
        case found(Route, parameters: [(name: String, value: String)])
        /// The path exists for other methods.
        case otherMethods([String])
        case notFound
    }

    private final class Node: Sendable {
        let literals: [String: Node]
        let named: Node?
        /// Method to route and the names of its path parts.
        let routes: [String: (Route, [String])]

        init(_ routes: [(segments: ArraySlice<String>, names: [String], route: Route)]) {
            var literals: [String: [(ArraySlice<String>, [String], Route)]] = [:]
            var named: [(ArraySlice<String>, [String], Route)] = []
            var here: [String: (Route, [String])] = [:]
            for (segments, names, route) in routes {
                guard let first = segments.first else {
                    here[route.method] = (route, names)
                    continue
                }
                if first.hasPrefix("{") {
                    named.append((segments.dropFirst(), names + [String(first.dropFirst().dropLast())], route))
                } else {
                    literals[first, default: []].append((segments.dropFirst(), names, route))
                }
            }
            self.literals = literals.mapValues { Node($0.map { ($0.0, $0.1, $0.2) }) }
            self.named = named.isEmpty ? nil : Node(named.map { ($0.0, $0.1, $0.2) })
            self.routes = here
        }
    }

    private let root: Node
    /// Paths without a `{named}` segment, which are most, as they are written. Such a path wins over any other.
    private let literals: [String: Node]
    let count: Int

    init(_ routes: [Route]) {
        count = routes.count
        root = Node(routes.map { (Self.segments($0.path)[...], [], $0) })
        let literal = Dictionary(grouping: routes.filter { !$0.path.contains("{") }, by: \.path)
        literals = literal.mapValues { Node($0.map { ([], [], $0) }) }
    }

    /// Finds a route. The path is percent-decoded here, segment by segment; an encoding that is no UTF-8 is not found.
    func match(method: String, path: String) -> Match {
        if let route = literals[path]?.routes[method] { return .found(route.0, parameters: []) }
        guard path.hasPrefix("/") else { return .notFound }
        let segments = Self.segments(path)
        guard let (node, values) = Self.find(root, segments[...], []) else { return .notFound }
        guard let (route, names) = node.routes[method] else { return .otherMethods(node.routes.keys.sorted()) }
        var parameters: [(name: String, value: String)] = []
        for (name, value) in zip(names, values) {
            guard let decoded = PercentEncoding.decode(value[...], plusIsSpace: false) else { return .notFound }
            parameters.append((name, decoded))
        }
        return .found(route, parameters: parameters)
    }

    private static func segments(_ path: String) -> [String] {
        path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    }

    private static func find(
        _ node: Node, _ segments: ArraySlice<String>, _ values: [String]
    ) -> (Node, [String])? {
        guard let first = segments.first else { return node.routes.isEmpty ? nil : (node, values) }
        if let literal = node.literals[first], let found = find(literal, segments.dropFirst(), values) { return found }
        guard let named = node.named, !first.isEmpty else { return nil }
        return find(named, segments.dropFirst(), values + [first])
    }
}
