/// One row of http.route, ready to be matched and checked.
///
/// A class, as every request carries its route along: copying all of it would cost more than finding it.
final class Route: Sendable {
    /// Which connections carry its calls.
    enum Lane: String, Sendable {
        /// Shares a statement with other calls.
        case gathered
        /// Has a statement of its own.
        case alone
    }

    /// Who may call it.
    enum Access: String, Sendable {
        case `public`
        /// Whoever has a live API key.
        case key
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
    /// Rules of a JSON body; nil: none is taken.
    let body: JSONSchema?
    /// Rules of path, query and header parameters, by name.
    let parameters: [String: ParameterRule]
    /// Names of those that come as header fields.
    let headerParameters: [String]
    let access: Access
    /// The class of routes whose refusals it shares; nil: it is never limited.
    let limitClass: String?
    /// The answer, when it is always the same; the database is not asked then.
    let constant: ConstantAnswer?

    /// Whether its function runs on the replica, where the server has one.
    let readsReplica: Bool

    /// Whether any bytes are its body, which goes to SQL as it came, with the headers.
    let takesRawBody: Bool

    /// Method and pattern, as logs, figures and the access record name it.
    let name: String

    init(
        id: Int, method: String, path: String, version: Int, lane: Lane, timeout: Duration, bodyCap: Int,
        body: JSONSchema?, parameters: [String: ParameterRule], access: Access = .public, limitClass: String? = nil,
        constant: ConstantAnswer? = nil, readsReplica: Bool = false, takesRawBody: Bool = false
    ) {
        self.id = id
        self.method = method
        self.path = path
        self.version = version
        self.lane = lane
        self.timeout = timeout
        self.bodyCap = bodyCap
        self.body = body
        self.parameters = parameters
        headerParameters = parameters.filter { $0.value.isHeader }.keys.sorted()
        self.access = access
        self.limitClass = limitClass
        self.constant = constant
        self.readsReplica = readsReplica
        self.takesRawBody = takesRawBody
        name = "\(method) \(path)"
    }
}
