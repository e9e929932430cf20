import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import LevqorPG

@Suite("Raw bodies")
struct RawBodyTests {
    private static let headers: HTTPHeaders = [
        "Content-Type": "text/x", "X-Twice": "a", "x-twice": "b", "Authorization": "Bearer s", "COOKIE": "s=1",
        "Proxy-Authorization": "Basic s", "X-Api-Key": "s", "X-Signature": #"t=1,"v1"=ü"#,
    ]

    @Test("Bytes travel as base64, headers by name in lower case, and what authenticates stays behind")
    func encode() throws {
        let bytes: [UInt8] = [0, 255, 128, 34, 92, 10]
        let value = try JSONParser.parse(RawBody.encode(ByteBuffer(bytes: bytes), headers: Self.headers))
        #expect(value["body"]?.string.flatMap { Data(base64Encoded: $0) } == Data(bytes))
        #expect(
            value["headers"]
                == .object([
                    ("content-type", .string("text/x")), ("x-signature", .string(#"t=1,"v1"=ü"#)),
                    ("x-twice", .string("a, b")),
                ]))
        #expect(value["secrets"]?.object?.members.isEmpty == true)
        #expect(value.object?.members.map(\.name) == ["body", "headers", "secrets"])
    }

    @Test("No bytes and no headers are an object too")
    func empty() {
        let text = String(decoding: RawBody.encode(ByteBuffer(), headers: [:]), as: UTF8.self)
        #expect(text == #"{"body":"","headers":{},"secrets":{}}"#)
    }

    @Test("Secrets are added behind the rest; one that is not known is null")
    func secrets() {
        let object = RawBody.encode(ByteBuffer(), headers: [:])
        let added = RawBody.adding([("credential/A", #"s"\"#), ("derived/b", nil)], to: object)
        #expect(
            String(decoding: added, as: UTF8.self)
                == #"{"body":"","headers":{},"secrets":{"credential/A":"s\"\\","derived/b":null}}"#)
        #expect(RawBody.adding([], to: object) == object)
    }

    @Test("A route that takes any bytes refuses no type, no compression and no JSON")
    func read() throws {
        let route = Route(
            id: 1, method: "POST", path: "/raw", version: 1, lane: .gathered, timeout: .seconds(5), bodyCap: 100,
            body: nil, parameters: [:], takesRawBody: true
        )
        let head = Requests.make(.POST, "/raw", [("Content-Encoding", "gzip"), ("Content-Type", "image/png")])
        let call = try RequestReader().read(
            head, body: ByteBuffer(bytes: [0x1f, 0x8b]), route: route, pathParameters: [], requestID: "r",
            address: "192.0.2.7")
        #expect(call.rawSize == 2)
        let body = try JSONParser.parse(try #require(call.body))
        #expect(body["body"]?.string == "H4s=")
        #expect(body["headers"]?["content-encoding"]?.string == "gzip")
    }
}
