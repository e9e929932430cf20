import Testing

@testable import LevqorPG

@Suite("Requests that the server refuses, over real sockets", .timeLimit(.minutes(3)))
struct RefusalTests {
    private static let headers = [
        "strict-transport-security", "content-security-policy", "cross-origin-opener-policy",
        "cross-origin-embedder-policy",
        "cross-origin-resource-policy", "x-content-type-options", "x-frame-options", "referrer-policy",
        "permissions-policy",
        "cache-control",
    ]

    @Test("Every kind of request gets its status, its problem and its security headers")
    func kinds() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            let weak = try await database.key(try await database.account("weak"), scopes: ["jobs:read"])
            try await TestServer.with(database, ["LEVQOR_CORS_ORIGINS": "https://app.example.com"]) { server in
                let client = server.client
                let json = [("Content-Type", "application/json")]
                let intake = "/api/v1/intake"
                func post(_ body: [UInt8], _ headers: [(String, String)]) async throws -> TestResponse {
                    try await client.send("POST", intake, key: key, headers, body: body)
                }
                func raw(_ head: String, _ body: [UInt8]) async throws -> TestResponse {
                    let start = "POST \(intake) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: \(key)\r\n"
                    return try await client.raw(Array((start + head + "\r\n\r\n").utf8) + body)
                }
                let deep = [UInt8](repeating: UInt8(ascii: "["), count: 5000)
                let chunk = [UInt8](repeating: 32, count: 1 << 20)
                let big = Array("100000\r\n".utf8) + chunk + Array("\r\n0\r\n\r\n".utf8)
                let fine = #"{"workflow": "w", "payload": {}}"#
                let cases: [(String, Int, String?, TestResponse)] = [
                    ("fine", 202, nil, try await client.post(intake, key: key, fine)),
                    ("no HTTP", 400, nil, try await client.raw(Array("NOT HTTP AT ALL\r\n\r\n".utf8))),
                    ("no path", 404, "not-found", try await client.get("/nowhere")),
                    ("broken path", 404, "not-found", try await client.get("/api/v1/status/%ff", key: key)),
                    ("method", 405, "method-not-allowed", try await client.get(intake, key: key)),
                    ("no key", 401, nil, try await client.post(intake, fine)),
                    ("bad key", 401, nil, try await client.post(intake, key: "lvk_live_nonsense", fine)),
                    ("no scope", 403, nil, try await client.post(intake, key: weak, fine)),
                    (
                        "no account", 404, nil,
                        try await client.post(intake, key: key, fine, [("Levqor-Account", "');--")])
                    ),
                    (
                        "length", 413, "content-too-large",
                        try await raw("Content-Type: application/json\r\nContent-Length: 99999999", [])
                    ),
                    (
                        "chunks", 413, "content-too-large",
                        try await raw("Content-Type: application/json\r\nTransfer-Encoding: chunked", big)
                    ),
                    (
                        "type", 415, "unsupported-media-type",
                        try await post(Array(fine.utf8), [("Content-Type", "text/plain")])
                    ),
                    ("no type", 415, "unsupported-media-type", try await post(Array(fine.utf8), [])),
                    (
                        "gzip", 415, "unsupported-media-type",
                        try await post([0x1f, 0x8b], json + [("Content-Encoding", "gzip")])
                    ),
                    (
                        "schema", 422, "invalid-value",
                        try await client.post(intake, key: key, #"{"workflow": 5, "payload": {}}"#)
                    ),
                    ("no member", 422, "invalid-value", try await client.post(intake, key: key, #"{"workflow": "w"}"#)),
                    (
                        "more", 422, "invalid-value",
                        try await client.post(intake, key: key, #"{"workflow":"w","payload":{},"x":1}"#)
                    ),
                    ("no JSON", 400, "bad-request", try await client.post(intake, key: key, "{")),
                    (
                        "UTF-8", 400, "bad-request",
                        try await post(Array(#"{"workflow":""#.utf8) + [0xff] + Array(#"","payload":{}}"#.utf8), json)
                    ),
                    (
                        "NUL", 400, "bad-request",
                        try await client.post(intake, key: key, #"{"workflow":"a\u0000","payload":{}}"#)
                    ),
                    (
                        "surrogate", 400, "bad-request",
                        try await client.post(intake, key: key, #"{"workflow":"\ud800","payload":{}}"#)
                    ),
                    (
                        "twice", 400, "bad-request",
                        try await client.post(intake, key: key, #"{"workflow":"a","workflow":"b","payload":{}}"#)
                    ),
                    ("depth", 400, "bad-request", try await post(deep, json)),
                    ("parameter", 422, nil, try await client.get("/t/hello?nme=x")),
                    ("wrong parameter", 422, nil, try await client.get("/t/echo?n=x", key: key)),
                    ("overflow", 422, nil, try await client.get("/t/echo?n=99999999999999", key: key)),
                    ("parameter twice", 400, "bad-request", try await client.get("/t/hello?name=a&name=b")),
                    ("parameter NUL", 400, "bad-request", try await client.get("/t/hello?name=%00")),
                    ("health", 200, nil, try await client.get("/health")),
                    ("ready", 200, nil, try await client.get("/ready")),
                    ("health written", 405, "method-not-allowed", try await client.send("DELETE", "/health")),
                    ("ready written", 405, "method-not-allowed", try await client.post("/ready")),
                    ("page", 200, nil, try await client.get("/docs")),
                    (
                        "preflight", 204, nil,
                        try await client.send(
                            "OPTIONS", intake,
                            [("Access-Control-Request-Method", "POST"), ("Origin", "https://app.example.com")])
                    ),
                    ("options", 204, nil, try await client.send("OPTIONS", intake)),
                    ("options nowhere", 404, "not-found", try await client.send("OPTIONS", "/nowhere")),
                    ("admin", 200, nil, try await server.admin.get("/metrics")),
                    ("admin nowhere", 404, nil, try await server.admin.get("/nowhere")),
                ]
                for (name, status, code, response) in cases {
                    #expect(response.status == status, "\(name): \(response.text.prefix(300))")
                    if let code { #expect(response.code == code, "\(name): \(response.text.prefix(300))") }
                    for header in Self.headers { #expect(response.header(header) != nil, "\(name) has no \(header)") }
                    if status >= 400, !name.hasPrefix("admin"), name != "no HTTP" {
                        #expect(response.header("content-type") == "application/problem+json", "\(name)")
                        #expect(response.json["request_id"]?.string == response.header("x-request-id"), "\(name)")
                        #expect(response.json["status"].map(JSONText.string) == "\(status)", "\(name)")
                    }
                }
                func response(_ name: String) throws -> TestResponse { try #require(cases.first { $0.0 == name }?.3) }
                #expect(try response("method").header("allow") == "OPTIONS, POST")
                #expect(try response("ready written").header("allow") == "GET, HEAD, OPTIONS")
                #expect(try response("options").header("allow") == "OPTIONS, POST")
                #expect(try response("no key").header("www-authenticate") != nil)
                #expect(try response("schema").json["errors"]?.array?.first?["pointer"]?.string == "/workflow")
                #expect(try response("more").json["errors"]?.array?.first?["pointer"]?.string == "/x")
                #expect(try response("parameter").json["errors"]?.array?.first?["pointer"]?.string == "/nme")
                #expect(try response("preflight").header("content-length") == nil)
            }
        }
    }

    @Test("Numbers that would be enormous when written out do not harm the server")
    func enormous() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                let numbers = [String](repeating: "1e131000", count: 5000).joined(separator: ",")
                let response = try await server.client.post(
                    "/api/v1/intake", key: key, #"{"workflow": "w", "payload": {"a": [\#(numbers)]}}"#
                )
                #expect((400..<500).contains(response.status), "\(response.status) \(response.text.prefix(200))")
                #expect(try await server.client.get("/t/hello").status == 200)
            }
        }
    }

    @Test(
        "A client that does not send its body in time gets 408 and a closed connection, whatever it announced",
        arguments: ["Content-Length: 20", "Transfer-Encoding: chunked"])
    func slowBody(announced: String) async throws {
        try await TestDatabase.with { database in
            let key = try await database.key()
            try await TestServer.with(database, limits: ConnectionLimits(body: .milliseconds(50))) { server in
                let head = "POST /api/v1/intake HTTP/1.1\r\nHost: x\r\nX-Api-Key: \(key)\r\n\(announced)"
                // Reads until the server closes: keep-alive was asked for.
                let response = try await server.client.raw(Array((head + "\r\n\r\n").utf8))
                #expect(response.status == 408)
                #expect(response.code == "request-timeout")
                #expect(response.header("connection") == "close")
                #expect(response.json["request_id"]?.string == response.header("x-request-id"))
            }
        }
    }

    @Test("HEAD is a GET without its body")
    func head() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await TestServer.with(database) { server in
                for path in ["/t/hello", "/docs", "/health", "/nowhere", "/public/openapi.json"] {
                    let get = try await server.client.get(path)
                    let head = try await server.client.send("HEAD", path)
                    #expect(head.status == get.status)
                    #expect(head.body.isEmpty)
                    #expect(head.header("content-type") == get.header("content-type"))
                    if path != "/nowhere", path != "/health" {
                        #expect(head.header("content-length") == get.header("content-length"))
                        #expect(head.header("content-length") == "\(get.body.count)")
                    }
                }
                #expect(try await server.client.send("HEAD", "/api/v1/intake").status == 405)
            }
        }
    }

    @Test("A request id is taken over when it is fit, and made otherwise")
    func requestID() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database) { server in
                let given = try await server.client.get("/t/echo", key: key, [("X-Request-Id", "trace-1234.abc")])
                #expect(given.header("x-request-id") == "trace-1234.abc")
                #expect(given.json["request"]?.string == "trace-1234.abc")
                let bad = try await server.client.get("/t/echo", key: key, [("X-Request-Id", "bad id; with = text")])
                #expect(bad.header("x-request-id")?.utf8.count == 32)
                #expect(bad.json["request"]?.string == bad.header("x-request-id"))
                let none = try await server.client.get("/nowhere")
                #expect(none.header("x-request-id")?.utf8.count == 32)
            }
        }
    }

    @Test("A page of an allowed origin may call, another may not")
    func crossOrigin() async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            try await TestServer.with(database, ["LEVQOR_CORS_ORIGINS": "https://app.example.com"]) { server in
                for (origin, isAllowed) in [("https://app.example.com", true), ("https://evil.example.com", false)] {
                    let headers = [("Origin", origin)]
                    let asked = try await server.client.send(
                        "OPTIONS", "/api/v1/intake", headers + [("Access-Control-Request-Method", "POST")]
                    )
                    #expect(asked.status == 204)
                    #expect(asked.header("access-control-allow-origin") == (isAllowed ? origin : nil))
                    #expect(asked.header("access-control-allow-methods") == (isAllowed ? "OPTIONS, POST" : nil))
                    for path in ["/t/hello", "/nowhere"] {
                        let got = try await server.client.get(path, key: nil, headers)
                        #expect(got.header("access-control-allow-origin") == (isAllowed ? origin : nil))
                        #expect(got.header("vary")?.contains("Origin") == true)
                    }
                }
            }
        }
    }
}
