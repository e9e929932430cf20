import HTTPTypes
import NIOCore

extension GatewayResponder {
    /// The answer as SQL made it; nil when a secret cannot be put into it.
    func answer(_ done: GatewayAnswer.Done) -> Answer? {
        var answer = Answer(status: done.status, headers: done.headers, body: done.body)
        if !done.reveal.isEmpty {
            var body = Array(done.body.readableBytesView)
            for (placeholder, secret) in done.reveal {
                guard reveal(secret, for: placeholder, in: &body) else { return nil }
            }
            answer.body = ByteBuffer(bytes: body)
        }
        if answer.body.readableBytes > 0, !answer.headers.contains(.contentType) {
            answer.headers[.contentType] = "application/json"
        }
        return answer
    }

    /// A problem that the server renders itself.
    func problem(_ problem: Problem, _ visit: Visit, _ route: Route? = nil) -> Served {
        Served(answer: problem.answer(requestID: visit.id), route: route?.name ?? Served.noRoute)
    }

    func tooLarge(_ visit: Visit, _ route: Route) -> Served {
        problem(.contentTooLarge(route.bodyCap), visit, route)
    }

    /// Which methods a path takes, and whether a page of another origin may use them.
    func options(_ visit: Visit, _ table: RouteTable, _ path: String) -> Served {
        let methods: [String]
        switch table.match(method: "OPTIONS", path: path) {
        case .otherMethods(let others): methods = Self.withImplied(others)
        default: methods = health.paths.contains(path) ? ["GET", "HEAD", "OPTIONS"] : []
        }
        if let preflight = crossOrigin.preflight(visit.head, methods: methods) { return Served(answer: preflight) }
        guard !methods.isEmpty else { return problem(.notFound, visit) }
        return Served(answer: Answer(status: 204, headers: [.allow: methods.joined(separator: ", ")]))
    }

    static func withImplied(_ methods: [String]) -> [String] {
        (methods + (methods.contains("GET") ? ["HEAD"] : []) + ["OPTIONS"]).sorted()
    }

    /// Puts a derived secret where SQL left a random placeholder: SQL never holds the master key.
    private func reveal(_ name: String, for placeholder: String, in body: inout [UInt8]) -> Bool {
        guard
            let secret = try? DerivedSecret.make(from: masterKey, name: name),
            let range = body.firstRange(of: Array(placeholder.utf8))
        else { return false }
        body.replaceSubrange(range, with: Array(secret.text.utf8))
        return true
    }
}
