/// A schema of a route does not compile.
struct RouteError: Error, CustomStringConvertible {
    let route: String
    let reason: String
    var description: String { "\(route): \(reason)" }
}
