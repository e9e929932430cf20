import HTTPTypes
import NIOCore

/// The answer of a route that always gives the same one, ready to be sent.
struct ConstantAnswer: Sendable {
    let answer: Answer

    /// Reads the column `constant` of a route: `{"status": 200, "headers": {…}, "body": "…"}`.
    ///
    /// - Throws: `RouteError` when it is no such answer.
    init(_ value: JSONValue, route: String) throws {
        guard let number = value["status"]?.number?.double, let status = Int(exactly: number),
            (100...599).contains(status)
        else { throw RouteError(route: route, reason: "its constant has no status from 100 to 599") }
        let body = ByteBuffer(string: value["body"]?.string ?? "")
        var headers = HTTPFields(json: value["headers"])
        if headers[.contentType] == nil, body.readableBytes > 0 { headers[.contentType] = "application/json" }
        answer = Answer(status: status, headers: headers, body: body)
    }
}
