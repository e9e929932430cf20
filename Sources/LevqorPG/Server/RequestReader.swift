import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

/// Turns an HTTP request into a call, or says what is wrong with it before the database is asked.
struct RequestReader: Sendable {
    let address: ClientAddress
    /// How long a client may take to send a body, from its head on.
    var bodyDeadline = Duration.seconds(30)

    /// More parameters than any route has; each is compared with all others.
    private static let mostParameters = 100

    /// Reads parameters and body by the rules of the route.
    ///
    /// - Throws: `Problem`.
    func read(
        _ request: Request, route: Route, pathParameters: [(name: String, value: String)], requestID: String,
        peer: String
    ) async throws -> GatewayCall {
        let parameters = try self.parameters(request.uri, route, pathParameters)
        let body = try await self.body(request, route)
        return GatewayCall(
            requestID: requestID,
            route: route,
            key: request.headers[.xAPIKey],
            address: address(of: request, peer: peer),
            userAgent: request.headers[.userAgent].map { String($0.prefix(512)) },
            parameters: parameters,
            body: body,
            account: request.headers[.levqorAccount]
        )
    }

    /// The client's address, behind trusted proxies.
    func address(of request: Request, peer: String) -> String {
        address.find(peer: peer, forwarded: request.headers[values: .xForwardedFor])
    }

    private func parameters(
        _ uri: URI, _ route: Route, _ pathParameters: [(name: String, value: String)]
    ) throws -> [UInt8] {
        if pathParameters.isEmpty, uri.query == nil { return Self.emptyObject }
        guard let query = PercentEncoding.query((uri.query ?? "")[...]) else {
            throw Problem.badRequest("The query string is not properly percent-encoded UTF-8.")
        }
        guard query.count <= Self.mostParameters else {
            throw Problem.badRequest("The query string has more than \(Self.mostParameters) parameters.")
        }
        var members: [JSONObject.Member] = []
        var violations: [JSONSchemaViolation] = []
        for (name, text) in pathParameters + query {
            guard !members.contains(where: { JSONKey.same($0.name, name) }) else {
                throw Problem.badRequest("The parameter \(name) stands twice in the request.")
            }
            guard !text.utf8.contains(0), !name.utf8.contains(0) else {
                throw Problem.badRequest("A parameter holds the character U+0000.")
            }
            let value: JSONValue
            if let rule = route.parameters[name] {
                value = rule.value(of: text)
                violations += rule.violations(of: value).map {
                    JSONSchemaViolation(pointer: "/\(name)", keyword: $0.keyword, limit: $0.limit, message: $0.message)
                }
            } else {
                value = .string(text)
            }
            members.append(JSONObject.Member(name: name, value: value))
        }
        guard violations.isEmpty else { throw Problem.invalid(violations) }
        return JSONText.encode(.object(JSONObject(members)))
    }

    private func body(_ request: Request, _ route: Route) async throws -> [UInt8]? {
        if let length = request.headers[.contentLength].flatMap(Int.init), length > route.bodyCap {
            throw Problem.contentTooLarge(route.bodyCap)
        }
        var buffer: ByteBuffer
        do {
            buffer = try await collect(request, upTo: route.bodyCap)
        } catch is NIOTooManyBytesError {
            throw Problem.contentTooLarge(route.bodyCap)
        }
        guard let schema = route.body else {
            guard buffer.readableBytes == 0 else { throw Problem.badRequest("No body is taken here.") }
            return nil
        }
        guard buffer.readableBytes > 0 else {
            // No body is an empty object: right for routes whose members are all optional.
            let violations = schema.validate(.object(JSONObject([])))
            guard violations.isEmpty else { throw Problem.invalid(violations) }
            return nil
        }
        let encoding = request.headers[.contentEncoding]?.lowercased() ?? "identity"
        guard encoding == "identity", Self.isJSON(request.headers[.contentType]) else {
            throw Problem.unsupportedMediaType
        }
        let value: JSONValue
        do {
            value = try buffer.withUnsafeReadableBytes { (bytes) throws(JSONParseError) in try JSONParser.parse(bytes) }
        } catch {
            throw Problem.badRequest("The body is not JSON: \(error.message)")
        }
        guard !value.holdsEnormousNumber else {
            throw Problem.badRequest("A number in the body is beyond the range of doubles, or too near to zero.")
        }
        let violations = schema.validate(value)
        guard violations.isEmpty else { throw Problem.invalid(violations) }
        return buffer.readBytes(length: buffer.readableBytes)
    }

    /// The bytes of a body, when they come in time.
    private func collect(_ request: Request, upTo cap: Int) async throws -> ByteBuffer {
        // Without either header there is nothing to wait for.
        guard request.headers[.contentLength] != nil || request.headers[.transferEncoding] != nil else {
            return try await request.body.collect(upTo: cap)
        }
        return try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
            group.addTask { try await request.body.collect(upTo: cap) }
            group.addTask { [bodyDeadline] in
                try await Task.sleep(for: bodyDeadline)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let buffer = first else { throw Problem.requestTimeout }
            return buffer
        }
    }

    /// application/json, or a type that ends in +json, in UTF-8.
    private static func isJSON(_ contentType: String?) -> Bool {
        guard let contentType else { return false }
        let parts = contentType.split(separator: ";").map { $0.withoutEdgeSpace.lowercased() }
        guard let type = parts.first, type == "application/json" || type.hasSuffix("+json") else { return false }
        return parts.dropFirst().allSatisfy {
            !$0.hasPrefix("charset=") || $0 == "charset=utf-8" || $0 == "charset=\"utf-8\""
        }
    }

    private static let emptyObject = Array("{}".utf8)
}
