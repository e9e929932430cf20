import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Answers every HTTP request: health itself, everything else by the routes of the database.
struct GatewayResponder: HTTPResponder {
    typealias Context = ServerContext

    let gateway: Gateway
    let reader: RequestReader
    let crossOrigin: CrossOrigin
    let health: Health
    let masterKey: MasterKey
    let logger: Logger
    let presence: ClientPresence

    func respond(to request: Request, context: ServerContext) async throws -> Response {
        let start = ContinuousClock.now
        let requestID = RequestIDs.choose(request.headers[.xRequestID])
        var served = await serve(request, context, requestID)
        SecurityHeaders.complete(&served.response.headers)
        crossOrigin.open(&served.response.headers, for: request)
        served.response.headers[.xRequestID] = requestID
        if isUnchanged(request, served.response) {
            served.response = Response(status: .notModified, headers: served.response.headers)
        }
        let duration = start.duration(to: .now)
        gateway.metrics.noteRequest(route: served.route, status: Int(served.response.status.code), duration: duration)
        log(request, context, requestID, served, duration)
        if request.method == .head {
            let length = served.response.body.contentLength ?? 0
            served.response.body = ResponseBody()
            served.response.headers[.contentLength] = String(length)
        }
        return served.response
    }

    /// Whether the client holds what it asked for already (RFC 9110, If-None-Match with weak comparison).
    private func isUnchanged(_ request: Request, _ response: Response) -> Bool {
        guard
            request.method == .get || request.method == .head, response.status == .ok,
            let tag = response.headers[.eTag], let asked = request.headers[.ifNoneMatch]
        else { return false }
        func strong(_ tag: Substring) -> Substring { tag.hasPrefix("W/") ? tag.dropFirst(2) : tag }
        return asked == "*"
            || asked.split(separator: ",").contains { strong($0.withoutEdgeSpace) == strong(tag[...]) }
    }

    private func serve(_ request: Request, _ context: ServerContext, _ requestID: String) async -> Served {
        // HEAD is a GET whose body stays here.
        let method = request.method == .head ? "GET" : request.method.rawValue
        let path = request.uri.path
        if let response = await health.answer(method: method, path: path) {
            return Served(response: response, route: "\(method) \(path)")
        }
        if health.paths.contains(path), request.method != .options {
            return problem(.methodNotAllowed(["GET", "HEAD", "OPTIONS"]), requestID)
        }

        let table = gateway.routes.table
        if request.method == .options { return options(request, table, path, requestID) }
        switch table.match(method: method, path: path) {
        case .notFound: return problem(.notFound, requestID)
        case .otherMethods(let methods): return problem(.methodNotAllowed(Self.withImplied(methods)), requestID)
        case .found(let route, let parameters):
            do {
                let call = try await reader.read(
                    request, route: route, pathParameters: parameters, requestID: requestID, peer: context.peer
                )
                return await answer(call, method: method, path: path, context)
            } catch let problem as Problem {
                return self.problem(problem, requestID, route)
            } catch {
                // The body could not be read to its end: the client broke off or sent what is no HTTP.
                return problem(.badRequest("The body could not be read."), requestID, route)
            }
        }
    }

    private func answer(_ call: GatewayCall, method: String, path: String, _ context: ServerContext) async -> Served {
        // Only parked calls feel that the client left: a batch is never cancelled.
        let outcome = await presence.run(on: context.channel) {
            await gateway.run(call) { table in
                if case .found(let route, _) = table.match(method: method, path: path) { route } else { nil }
            }
        }
        switch outcome {
        case .answer(let done):
            guard let response = response(done) else {
                var served = problem(.internalError, call.requestID, call.route)
                served.fault = "a secret of the answer could not be derived"
                return served
            }
            var served = Served(response: response, route: "\(call.route.method) \(call.route.path)")
            served.account = done.account
            served.key = done.key
            served.sqlstate = done.sqlstate
            served.fault = done.fault
            return served
        case .stopping, .gone:
            return Served(response: Response(status: .noContent), route: "\(call.route.method) \(call.route.path)")
        case .routeGone: return problem(.notFound, call.requestID, call.route)
        case .failure(.outcomeUnknown): return problem(.outcomeUnknown, call.requestID, call.route)
        case .failure(.unavailable(let reason)):
            var served = problem(.unavailable("The server cannot answer: \(reason)."), call.requestID, call.route)
            served.fault = reason
            return served
        case .failure(.refused(let error)):
            let isBusy =
                error.isWorthRepeating || error.sqlstate == "57014" || error.sqlstate?.hasPrefix("53") == true
                || error.sqlstate?.hasPrefix("57P") == true
            var served = problem(
                isBusy ? .unavailable("The database is too busy.") : .internalError, call.requestID, call.route
            )
            served.sqlstate = error.sqlstate
            served.fault = error.textForLog
            return served
        }
    }

    /// The response as SQL made it; nil when a secret cannot be put into it.
    private func response(_ done: GatewayAnswer.Done) -> Response? {
        var headers = HTTPFields()
        for member in done.headers.object?.members ?? [] {
            guard let name = HTTPField.Name(member.name) else { continue }
            switch member.value {
            case .string(let value): headers[name] = value
            case .array(let values): headers[values: name] = values.compactMap(\.string)
            case .number(let number): headers[name] = number.text
            default: continue
            }
        }
        var body = done.body
        for (placeholder, secret) in done.reveal {
            guard reveal(secret, for: placeholder, in: &body) else { return nil }
        }
        if headers[.contentType] == nil, !body.isEmpty { headers[.contentType] = "application/json" }
        return Response(
            status: HTTPResponse.Status(code: done.status), headers: headers,
            body: body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: body))
        )
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

    private func options(_ request: Request, _ table: RouteTable, _ path: String, _ requestID: String) -> Served {
        let methods: [String]
        switch table.match(method: "OPTIONS", path: path) {
        case .otherMethods(let others): methods = Self.withImplied(others)
        default: methods = health.paths.contains(path) ? ["GET", "HEAD", "OPTIONS"] : []
        }
        if let preflight = crossOrigin.preflight(request, methods: methods) {
            return Served(response: preflight, route: "OPTIONS")
        }
        guard !methods.isEmpty else { return problem(.notFound, requestID) }
        return Served(
            response: Response(status: .noContent, headers: [.allow: methods.joined(separator: ", ")]), route: "OPTIONS"
        )
    }

    private static func withImplied(_ methods: [String]) -> [String] {
        (methods + (methods.contains("GET") ? ["HEAD"] : []) + ["OPTIONS"]).sorted()
    }

    private func problem(_ problem: Problem, _ requestID: String, _ route: Route? = nil) -> Served {
        var headers: HTTPFields = [.contentType: "application/problem+json"]
        for (name, value) in problem.headers {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        return Served(
            response: Response(
                status: HTTPResponse.Status(code: problem.status), headers: headers,
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: problem.body(requestID: requestID)))
            ),
            route: route.map { "\($0.method) \($0.path)" } ?? "none"
        )
    }
}
