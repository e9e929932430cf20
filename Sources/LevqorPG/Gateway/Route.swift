/// One row of http.route, ready to be matched and checked.
struct Route: Sendable {
    /// Which connections carry its calls.
    enum Lane: String, Sendable {
        /// Shares a statement with other calls.
        case gathered
        /// Has a statement of its own.
        case alone
    }

    let id: Int
    let method: String
    let path: String
    let version: Int
    let lane: Lane
    /// Statement timeout in the lane alone.
    let timeout: Duration
    /// Largest body in bytes.
    let bodyCap: Int
    /// Rules of the body; nil: no body is taken.
    let body: JSONSchema?
    /// Rules of path and query parameters, by name.
    let parameters: [String: ParameterRule]
}
