import HTTPTypes
import Hummingbird
import NIOCore

/// Requests as tests need them.
enum Requests {
    static func make(
        _ method: HTTPRequest.Method = .get, _ path: String = "/", _ headers: [(String, String)] = [],
        body: [UInt8] = []
    ) -> Request {
        var fields = HTTPFields()
        for (name, value) in headers {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        return Request(
            head: HTTPRequest(method: method, scheme: "http", authority: "localhost", path: path, headerFields: fields),
            body: RequestBody(buffer: ByteBuffer(bytes: body))
        )
    }
}
