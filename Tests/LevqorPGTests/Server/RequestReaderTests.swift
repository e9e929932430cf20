import NIOCore
import NIOHTTP1
import Testing

@testable import LevqorPG

@Suite("Reading a request")
struct RequestReaderTests {
    private static let reader = RequestReader()
    private static let json = ("Content-Type", "application/json")

    private static func route() throws -> Route {
        try GatewayParts.route(
            "POST", "/t/{id}", bodyCap: 100,
            body:
                #"{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}, "additionalProperties": false}"#,
            parameters: ["limit": #"{"type": "integer", "maximum": 10}"#]
        )
    }

    private static func read(
        _ head: RequestHead, body: [UInt8] = [], route: Route? = nil, path: [(name: String, value: String)] = []
    ) throws -> GatewayCall {
        try reader.read(
            head, body: ByteBuffer(bytes: body), route: try route ?? Self.route(), pathParameters: path,
            requestID: "r", address: "192.0.2.7"
        )
    }

    /// The status and the first violation of a request that has to be refused.
    private static func refusal(
        _ head: RequestHead, body: [UInt8] = [], route: Route? = nil, path: [(name: String, value: String)] = []
    ) throws -> String {
        do {
            _ = try read(head, body: body, route: route, path: path)
        } catch let problem as Problem {
            return "\(problem.status)" + (problem.errors.first.map { " \($0.pointer) \($0.keyword)" } ?? "")
        }
        return "taken"
    }

    @Test("The call holds what came, the body untouched")
    func call() throws {
        let body = Array(#" { "a" : 1.0e0 } "#.utf8)
        let call = try Self.read(
            Requests.make(
                .POST, "/t/1?limit=5&name=x%20y",
                [
                    Self.json, ("X-Api-Key", "key"), ("User-Agent", "test"), ("Levqor-Account", "acct_1"),
                    ("X-Forwarded-For", "6.6.6.6"),
                ]
            ),
            body: body, path: [("id", "1")]
        )
        #expect(call.body == body)
        #expect(String(decoding: call.parameters, as: UTF8.self) == #"{"id":"1","limit":5,"name":"x y"}"#)
        #expect(call.key == "key")
        #expect(call.account == "acct_1")
        #expect(call.userAgent == "test")
        #expect(call.address == "192.0.2.7")
    }

    @Test(
        "A body that is not JSON is a bad request",
        arguments: [
            "{", "", "{\"a\":1,}", "{'a':1}", "{\"a\":1}x", "{\"a\":1,\"a\":2}", "{\"a\":01}", "{\"a\":NaN}",
            "\u{FEFF}{\"a\":1}",
            "{\"a\":\"\u{1}\"}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\ud800\"}", "// x\n{\"a\":1}",
        ])
    func notJSON(body: String) throws {
        let expected = body.isEmpty ? "422 /a required" : "400"
        let refusal = try Self.refusal(Requests.make(.POST, "/t/1", [Self.json]), body: Array(body.utf8))
        #expect(refusal.hasPrefix(body.isEmpty ? "422" : expected))
    }

    @Test("Bytes that are no UTF-8, a NUL and a depth without end are bad requests")
    func badBytes() throws {
        let route = try GatewayParts.route("POST", "/t", bodyCap: 1 << 20, body: "{}")
        let bodies: [[UInt8]] = [
            Array("{\"a\":\"".utf8) + [0xff] + Array("\"}".utf8),
            Array("{\"a\":\"".utf8) + [0xed, 0xa0, 0x80] + Array("\"}".utf8),
            Array("{\"a\":1}".utf8) + [0], Array("{\"a\":\"".utf8) + [0] + Array("\"}".utf8), [0xc3],
            [UInt8](repeating: UInt8(ascii: "["), count: 100_000),
            [UInt8](repeating: UInt8(ascii: "["), count: 50_000) + [UInt8](repeating: UInt8(ascii: "]"), count: 50_000),
        ]
        for body in bodies {
            #expect(try Self.refusal(Requests.make(.POST, "/t", [Self.json]), body: body, route: route) == "400")
        }
    }

    @Test(
        "A number that would be enormous when written out is a bad request, wherever it stands",
        arguments: [
            ("1e131000", false), ("[[1e-309]]", false), (#"{"a":{"b":[0,1e309]}}"#, false), ("-1E+5000", false),
            ("0.\(String(repeating: "1", count: 30))e999", false), ("1e308", true), ("1e-308", true), ("0e99999", true),
            (#""1e131000""#, true), ("123456789012345678901234567890", true),
        ])
    func enormous(body: String, isTaken: Bool) throws {
        let route = try GatewayParts.route("POST", "/t", body: "{}")
        let refusal = try Self.refusal(
            Requests.make(.POST, "/t", [Self.json]), body: Array(body.utf8), route: route)
        #expect(refusal == (isTaken ? "taken" : "400"))
    }

    @Test(
        "A value that breaks the schema is told with its pointer",
        arguments: [
            ("{}", "required"), (#"{"a":"x"}"#, "type"), (#"{"a":1,"b":2}"#, "additionalProperties"), ("[]", "type"),
            ("null", "type"),
            (#"{"a":1.5}"#, "type"),
        ])
    func schema(body: String, rule: String) throws {
        let refusal = try Self.refusal(Requests.make(.POST, "/t/1", [Self.json]), body: Array(body.utf8))
        #expect(refusal.hasPrefix("422 "))
        #expect(refusal.hasSuffix(" " + rule))
    }

    @Test(
        "Only JSON in UTF-8, uncompressed, is read",
        arguments: [
            ("application/json", nil, true), ("application/json; charset=utf-8", nil, true),
            ("Application/JSON;charset=UTF-8", nil, true),
            ("application/problem+json", nil, true), ("application/json; charset=\"utf-8\"", nil, true),
            ("application/json", "identity", true), ("application/json", "gzip", false), ("text/plain", nil, false),
            ("", nil, false),
            ("application/json; charset=latin1", nil, false), ("application/jsonx", nil, false),
            ("application/x-www-form-urlencoded", nil, false), ("text/html, application/json", nil, false),
            (nil, nil, false),
        ] as [(String?, String?, Bool)])
    func contentType(type: String?, encoding: String?, isRead: Bool) throws {
        let headers = [("Content-Type", type), ("Content-Encoding", encoding)].compactMap { name, value in
            value.map { (name, $0) }
        }
        let refusal = try Self.refusal(Requests.make(.POST, "/t/1", headers), body: Array(#"{"a":1}"#.utf8))
        #expect(refusal == (isRead ? "taken" : "415"))
    }

    @Test("A body where none is taken is a bad request, an empty one is none")
    func noBody() throws {
        let route = try GatewayParts.route("GET", "/t")
        #expect(
            try Self.refusal(Requests.make(.GET, "/t", [Self.json]), body: Array("{}".utf8), route: route)
                == "400")
        #expect(try Self.refusal(Requests.make(.GET, "/t"), route: route) == "taken")
    }

    @Test("No body is an empty object, where the members are all optional")
    func emptyBody() throws {
        let route = try GatewayParts.route(
            "POST", "/t", body: #"{"type": "object", "properties": {"a": {"type": "integer"}}}"#)
        let call = try Self.read(Requests.make(.POST, "/t"), route: route)
        #expect(call.body == nil)
    }

    @Test(
        "A query that cannot be read is a bad request",
        arguments: [
            "/t?a=%", "/t?a=%ff", "/t?a=1&a=2", "/t?id=2", "/t?a=%00", "/t?%00=1", "/t?a=1&%61=2",
        ])
    func badQuery(path: String) throws {
        let route = try GatewayParts.route("GET", "/t/{id}")
        #expect(try Self.refusal(Requests.make(.GET, path), route: route, path: [("id", "1")]) == "400")
    }

    @Test("A query of thousands of parameters is a bad request")
    func manyParameters() throws {
        let route = try GatewayParts.route("GET", "/t")
        let query = (0..<20_000).map { "p\($0)" }.joined(separator: "&")
        #expect(try Self.refusal(Requests.make(.GET, "/t?" + query), route: route) == "400")
    }

    @Test(
        "A parameter that breaks its rule is told by its name",
        arguments: [("11", "maximum"), ("x", "type"), ("1.5", "type")])
    func badParameter(value: String, rule: String) throws {
        let refusal = try Self.refusal(
            Requests.make(.POST, "/t/1?limit=\(value)", [Self.json]), body: Array(#"{"a":1}"#.utf8))
        #expect(refusal == "422 /limit \(rule)")
    }

    @Test("A user agent is cut, and two keys are no key")
    func headers() throws {
        let route = try GatewayParts.route("GET", "/t")
        let call = try Self.read(
            Requests.make(
                .GET, "/t",
                [("User-Agent", String(repeating: "x", count: 5000)), ("X-Api-Key", "one"), ("X-Api-Key", "two")]
            ),
            route: route
        )
        #expect(call.userAgent?.count == 512)
        #expect(call.key == "one, two")
    }
}
