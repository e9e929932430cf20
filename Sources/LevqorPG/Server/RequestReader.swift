import NIOCore
import NIOHTTP1

/// Turns an HTTP request into a call, or says what is wrong with it before the database is asked.
struct RequestReader: Sendable {
    /// More parameters than any route has; each is compared with all others.
    private static let mostParameters = 100

    /// Reads parameters and body by the rules of the route.
    ///
    /// - Parameter body: all of it; within the route's cap.
    func read(
        _ head: RequestHead, body: ByteBuffer, route: Route, pathParameters: [(name: String, value: String)],
        requestID: String, address: String
    ) throws(Problem) -> GatewayCall {
        let idempotencyKey = route.method == "POST" ? try IdempotencyKey.read(head.idempotencyKeys) : nil
        let parameters = try self.parameters(head, route, pathParameters)
        var call = GatewayCall(
            requestID: requestID,
            route: route,
            key: head.apiKey,
            address: address,
            userAgent: head.userAgent.map { $0.utf8.count > 512 ? String($0.prefix(512)) : $0 },
            parameters: parameters,
            body: try self.body(body, head, route),
            account: head.account
        )
        call.idempotencyKey = idempotencyKey
        if route.takesRawBody { call.rawSize = body.readableBytes }
        return call
    }

    private func parameters(
        _ head: RequestHead, _ route: Route, _ pathParameters: [(name: String, value: String)]
    ) throws(Problem) -> [UInt8] {
        if pathParameters.isEmpty, head.query == nil, route.headerParameters.isEmpty { return Self.emptyObject }
        guard let query = PercentEncoding.query((head.query ?? "")[...]) else {
            throw Problem.badRequest("The query string is not properly percent-encoded UTF-8.")
        }
        guard query.count <= Self.mostParameters else {
            throw Problem.badRequest("The query string has more than \(Self.mostParameters) parameters.")
        }
        if let name = query.first(where: { route.parameters[$0.name]?.isHeader == true })?.name {
            throw Problem.badRequest("The parameter \(name) is a header field, not a part of the query.")
        }
        let fields = route.headerParameters.compactMap { name in
            let values = head.fields[name]
            return values.isEmpty ? nil : (name: name, value: values.joined(separator: ", "))
        }
        var members: [JSONObject.Member] = []
        var violations: [JSONSchemaViolation] = []
        for (name, text) in pathParameters + fields + query {
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

    private func body(_ buffer: ByteBuffer, _ head: RequestHead, _ route: Route) throws(Problem) -> [UInt8]? {
        if route.takesRawBody { return RawBody.encode(buffer, headers: head.fields) }
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
        let encoding = head.contentEncoding?.lowercased() ?? "identity"
        guard encoding == "identity", Self.isJSON(head.contentType) else {
            throw Problem.unsupportedMediaType
        }
        let value: JSONValue
        do {
            value = try buffer.withUnsafeReadableBytes { (bytes) throws(JSONParseError) in try JSONParser.parse(bytes) }
        } catch {
            throw .badRequest("The body is not JSON: \(error.message)")
        }
        guard !value.holdsEnormousNumber else {
            throw Problem.badRequest("A number in the body is beyond the range of doubles, or too near to zero.")
        }
        let violations = schema.validate(value)
        guard violations.isEmpty else { throw Problem.invalid(violations) }
        return Array(buffer.readableBytesView)
    }

    /// application/json, or a type that ends in +json, in UTF-8.
    private static func isJSON(_ contentType: String?) -> Bool {
        guard let contentType else { return false }
        if contentType == "application/json" { return true }
        let parts = contentType.split(separator: ";").map { $0.withoutEdgeSpace.lowercased() }
        guard let type = parts.first, type == "application/json" || type.hasSuffix("+json") else { return false }
        return parts.dropFirst().allSatisfy {
            !$0.hasPrefix("charset=") || $0 == "charset=utf-8" || $0 == "charset=\"utf-8\""
        }
    }

    private static let emptyObject = Array("{}".utf8)
}
