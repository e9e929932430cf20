import HTTPTypes
import NIOCore

/// Decides what every HTTP request gets: health from this process, what needs no database from memory, everything else by
/// the routes of the database.
///
/// Nothing here waits but `health`: a connection asks piece by piece, and waits for the database itself.
struct GatewayResponder: Sendable {
    let gateway: Gateway
    let reader: RequestReader
    let address: ClientAddress
    let crossOrigin: CrossOrigin
    let health: Health
    let masterKey: MasterKey
    let access: AccessLog
    let log: RequestLog

    /// What is known when the head of a request is there.
    enum Beginning {
        /// The answer; the body does not count.
        case answered(Served)
        case health
        /// The body has to be read.
        case reading(Route, parameters: [(name: String, value: String)])
    }

    func begin(_ visit: Visit) -> Beginning {
        if let fault = visit.head.fault {
            var served = problem(fault, visit)
            served.closes = true
            return .answered(served)
        }
        let method = visit.method
        let path = visit.head.path
        let isOptions = method == "OPTIONS"
        if health.paths.contains(path), !isOptions {
            return method == "GET" ? .health : .answered(problem(.methodNotAllowed(["GET", "HEAD", "OPTIONS"]), visit))
        }
        let table = gateway.routes.table
        if isOptions { return .answered(options(visit, table, path)) }
        switch table.match(method: method, path: path) {
        case .notFound: return .answered(problem(.notFound, visit))
        case .otherMethods(let methods):
            return .answered(problem(.methodNotAllowed(Self.withImplied(methods)), visit))
        case .found(let route, let parameters):
            if let served = answerFromMemory(visit, route) { return .answered(served) }
            if visit.head.contentLength ?? 0 > route.bodyCap { return .answered(tooLarge(visit, route)) }
            return .reading(route, parameters: parameters)
        }
    }

    /// The answer to one of the two that ask how the server is.
    func health(_ visit: Visit) async -> Served {
        let answer = await health.answer(method: visit.method, path: visit.head.path)
        return Served(
            answer: answer ?? Answer(status: 404), route: "\(visit.method) \(visit.head.path)", isRecorded: false)
    }

    /// A request as the call that it is, or the answer that says what is wrong with it.
    func read(
        _ visit: Visit, _ route: Route, _ parameters: [(name: String, value: String)], body: ByteBuffer
    ) -> Result<GatewayCall, Refused> {
        do {
            return .success(
                try reader.read(
                    visit.head, body: body, route: route, pathParameters: parameters, requestID: visit.id,
                    address: visit.address
                )
            )
        } catch {
            var served = problem(error, visit, route)
            served.bytesIn = body.readableBytes
            return .failure(Refused(served: served))
        }
    }

    /// Why a request did not become a call.
    struct Refused: Error {
        let served: Served
    }

    /// What can be answered before the body is read and without the database: constants, calls whose key cannot be one, and
    /// callers that were refused until later.
    private func answerFromMemory(_ visit: Visit, _ route: Route) -> Served? {
        if let constant = route.constant { return Served(answer: constant.answer, route: route.name) }
        let key = visit.head.apiKey
        if route.access == .key {
            guard let key else { return problem(.noKey, visit, route) }
            guard KeyForm.current.accepts(key) else { return problem(.unknownKey, visit, route) }
        }
        guard
            let routeClass = route.limitClass,
            let found = gateway.refusals.find(
                routeClass: routeClass, address: visit.client, key: key, account: visit.head.account, at: visit.start
            )
        else { return nil }
        let figures = TextTemplate.Figures(seconds: found.seconds, reset: found.reset, requestID: visit.id)
        return Served(
            answer: found.template.fill(figures), route: route.name, account: found.account, key: found.key,
            decision: found.decision
        )
    }

    /// What a call came to, as an answer.
    func serve(_ outcome: Gateway.Outcome, of call: GatewayCall, _ visit: Visit) -> Served {
        var served = answer(outcome, call, visit)
        served.bytesIn = call.rawSize ?? call.body?.count ?? 0
        return served
    }

    private func answer(_ outcome: Gateway.Outcome, _ call: GatewayCall, _ visit: Visit) -> Served {
        switch outcome {
        case .answer(let done):
            guard let answer = answer(done) else {
                var served = problem(.internalError, visit, call.route)
                served.fault = "a secret of the answer could not be derived"
                return served
            }
            return Served(
                answer: answer, route: call.route.name, account: done.account, key: done.key, decision: done.decision,
                sqlstate: done.sqlstate, fault: done.fault
            )
        case .stopping, .gone: return Served(answer: Answer(status: 204), route: call.route.name)
        case .routeGone: return problem(.notFound, visit, call.route)
        case .failure(.outcomeUnknown): return problem(.outcomeUnknown, visit, call.route)
        case .failure(.unavailable(let reason)):
            var served = problem(.unavailable("The server cannot answer: \(reason)."), visit, call.route)
            served.fault = reason
            return served
        case .failure(.refused(let error)):
            let isBusy =
                error.isWorthRepeating || error.sqlstate == "57014" || error.sqlstate?.hasPrefix("53") == true
                || error.sqlstate?.hasPrefix("57P") == true
            var served = problem(
                isBusy ? .unavailable("The database is too busy.") : .internalError, visit, call.route
            )
            served.sqlstate = error.sqlstate
            served.fault = error.textForLog
            return served
        }
    }
}
