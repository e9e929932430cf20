/// A call to the outside that a function asked for, and how its request goes on after it.
struct CallOut: Sendable {
    /// What to send, as http.call_out() in SQL wrote it.
    let request: JSONValue
    /// Function, state and caller, to be given back with the outcome. The client never sees any of it.
    private let continuation: [(String, JSONValue?)]

    init?(_ value: JSONValue) {
        guard let members = value.object?.members, let request = value["request"] else { return nil }
        self.request = request
        continuation = members.filter { $0.name != "request" }.map { ($0.name, $0.value) }
    }

    /// What goes into the context of the call that continues, as JSON text.
    func continued(with outcome: JSONValue) -> [UInt8] {
        JSONText.encode(.object(continuation + [("outcome", outcome)]))
    }

    /// Bounds everything from now on: signing, waiting for a place, and the answer.
    var timeout: Duration {
        let milliseconds = request["timeout_ms"]?.number?.double ?? 10_000
        return .milliseconds(min(max(milliseconds.isFinite ? milliseconds : 0, 1), 30_000))
    }

    /// The request before it is signed.
    func outbound(id: String) -> OutboundRequest {
        OutboundRequest(
            id: id, method: request["method"]?.string ?? "GET", url: request["url"]?.string ?? "",
            headers: request["headers"]?.object?.members.compactMap { header in
                header.value.string.map { (header.name, $0) }
            } ?? [],
            body: Array((request["body"]?.string ?? "").utf8), totalTimeout: timeout
        )
    }
}
