/// A refusal that the database lets the server repeat from memory, until a time.
struct RepeatableRefusal: Sendable {
    /// Whose further calls it is for.
    enum Reach: String, Sendable {
        /// The same address; for IPv6 the same /64 network.
        case address
        /// The same API key that acts for the same account.
        case key
        case all
    }

    let reach: Reach
    /// The class of the routes that it is for.
    let routeClass: String
    /// How long, from when the database decided.
    let seconds: Double
    /// Header names to values, and the body: texts with places for figures, as `TextTemplate` has them.
    let headers: [(name: String, value: String)]
    let body: String

    /// Reads the member `deny` of what came with an answer; nil when it does not say all of it.
    init?(_ value: JSONValue) {
        guard
            let reach = value["for"]?.string.flatMap(Reach.init), let routeClass = value["class"]?.string,
            let seconds = value["seconds"]?.number?.double, seconds > 0, let body = value["body"]?.string,
            let headers = value["headers"]?.object
        else { return nil }
        self.reach = reach
        self.routeClass = routeClass
        self.seconds = seconds
        self.body = body
        self.headers = headers.members.compactMap { header in header.value.string.map { (header.name, $0) } }
    }
}
