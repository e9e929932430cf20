import Testing

@testable import LevqorPG

@Suite("Connections at their edges, over real sockets", .timeLimit(.minutes(3)))
struct EdgeTests {
    private static func with(
        _ limits: ConnectionLimits = ConnectionLimits(),
        _ body: (TestServer, _ key: String) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            try await TestRoutes.install(database)
            let key = try await database.key()
            try await TestServer.with(database, limits: limits) { server in
                try await body(server, key)
                // Whatever it met: it still serves.
                #expect(try await server.client.get("/t/hello").status == 200)
            }
        }
    }

    /// A header field within its own bound.
    private static let large = "X: \(String(repeating: "x", count: 10_000))\r\n"

    private static func send(_ server: TestServer, _ text: String) async throws -> TestResponse {
        try await server.client.raw(Array(text.utf8))
    }

    @Test(
        "A head that a reader would have to guess about gets its problem, and the connection ends",
        arguments: [
            ("GET /health HTTP/1.1\r\n\r\n", 400),
            ("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            ("POST /t/hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
            ("POST /t/hello HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
            ("POST /t/hello HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n{}", 400),
            ("POST /t/hello HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\nContent-Length: 2\r\n\r\n{}", 417),
            ("GET /health HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 20_000))\r\n\r\n", 431),
            (
                "GET /health HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: 1\r\n", count: 200))\r\n", 431
            ),
            ("GET /health HTTP/1.1\r\nHost: a\r\n\(String(repeating: Self.large, count: 9))\r\n", 431),
            ("GET /health HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400),
            ("GET /health HTTP/9.1\r\nHost: a\r\n\r\n", 400),
        ])
    func heads(text: String, status: Int) async throws {
        try await Self.with { server, _ in
            let response = try await Self.send(server, text)
            #expect(response.status == status)
            #expect(response.header("connection") == "close")
            #expect(response.header("content-type") == "application/problem+json")
            #expect(response.header("x-content-type-options") == "nosniff")
            #expect(response.json["status"].map(JSONText.string) == "\(status)")
            #expect(response.json["request_id"]?.string == response.header("x-request-id"))
        }
    }

    @Test("A head that does not come in time gets 408, also behind a request; a silent connection is closed")
    func slowHead() async throws {
        var limits = ConnectionLimits()
        limits.head = .milliseconds(100)
        try await Self.with(limits) { server, _ in
            let slow = try server.client.open("GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            #expect(try await slow.response().code == "request-timeout")
            let second = try server.client.open("GET /t/hello HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = try await second.bytes(untilHeads: 1)
            second.send(Array("GET /t/hel".utf8))
            #expect(try await second.response().status == 408)
        }
        limits.idle = .milliseconds(100)
        try await Self.with(limits) { server, _ in
            #expect(try await server.client.open("").bytes().isEmpty)
            let kept = try server.client.open("GET /t/hello HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await kept.response().status == 200)
        }
    }

    @Test("What follows an early answer is read within bounds of bytes and time, then the connection ends")
    func rest() async throws {
        var limits = ConnectionLimits()
        limits.rest = .milliseconds(100)
        limits.restBytes = 100_000
        try await Self.with(limits) { server, _ in
            let head = "POST /t/nowhere HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            // Time: the body never ends.
            let slow = try server.client.open(head + "2\r\n{}")
            #expect(try await slow.response().status == 404)
            // Bytes: it goes on and on. Whether the answer survives the end is not for the server to say.
            let fast = try server.client.open(head)
            let chunk = Array("4000\r\n\(String(repeating: "x", count: 0x4000))\r\n".utf8)
            for _ in 0..<64 { fast.send(chunk) }
            _ = try? await fast.bytes()
        }
    }

    @Test("A body behind an early answer does not spoil the next request of the connection")
    func restThenNext() async throws {
        try await Self.with { server, _ in
            let text = """
                POST /t/nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nsome body\
                GET /t/hello?name=next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n
                """
            let bytes = String(decoding: try await server.client.open(text).bytes(), as: UTF8.self)
            let answers = bytes.components(separatedBy: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) }
            #expect(answers == ["404", "200"])
            #expect(bytes.contains("next"))
        }
    }

    @Test("Requests that come at once are answered in their order, those of the database among those that need none")
    func pipelined() async throws {
        try await Self.with { server, key in
            var text = ""
            for number in 0..<60 {
                let paths = ["/t/echo?n=\(number)", "/nowhere", "/health", "/t/hello?name=n\(number)"]
                text += "GET \(paths[number % 4]) HTTP/1.1\r\nHost: a\r\nX-Api-Key: \(key)\r\n"
                text += "X-Request-Id: number-\(number)\r\n"
                text += number == 59 ? "Connection: close\r\n\r\n" : "\r\n"
            }
            let socket = try server.client.open(text)
            // That nothing more comes does not take away what was sent.
            socket.endSending()
            let bytes = String(decoding: try await socket.bytes(), as: UTF8.self)
            let ids = bytes.components(separatedBy: "X-Request-Id: ").dropFirst().map { $0.prefix { !$0.isNewline } }
            #expect(ids.map(String.init) == (0..<60).map { "number-\($0)" })
            let statuses = bytes.components(separatedBy: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) }
            #expect(statuses.map(String.init) == (0..<60).map { $0 % 4 == 1 ? "404" : "200" })
        }
    }

    @Test("A client that expects to be told to go on is told, where its body counts")
    func goOn() async throws {
        try await Self.with { server, key in
            let body = #"{"n": 7}"#
            func head(_ path: String) -> String {
                "POST \(path) HTTP/1.1\r\nHost: a\r\nX-Api-Key: \(key)\r\nContent-Type: application/json\r\n"
                    + "Expect: 100-continue\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            }
            let socket = try server.client.open(head("/t/store"))
            let first = try await socket.bytes(untilHeads: 1)
            #expect(String(decoding: first, as: UTF8.self) == "HTTP/1.1 100 Continue\r\n\r\n")
            socket.send(Array(body.utf8))
            socket.endSending()
            #expect(try await socket.response().status == 200)
            // The body will not come: nothing else can be read from this connection.
            let refused = try await Self.send(server, head("/nowhere"))
            #expect(refused.status == 404)
            #expect(refused.header("connection") == "close")
        }
    }

    @Test("A client that leaves while the database works on its calls does no harm, whatever the calls ask for")
    func leaves() async throws {
        try await Self.with { server, key in
            let claim = #"{"worker": "gone", "workflows": ["w"], "wait_seconds": 20}"#
            for _ in 0..<20 {
                try server.client.begin("GET", "/t/echo?n=1", key: key).hangUp()
                try server.client.begin("POST", "/api/v1/worker/claim", key: key, claim).hangUp()
            }
            try await server.until("levqor_parked_requests", is: 0)
        }
    }

    @Test("What is no HTTP behind a request is answered after it")
    func garbageBehind() async throws {
        try await Self.with { server, key in
            let text = "GET /t/echo?n=3 HTTP/1.1\r\nHost: a\r\nX-Api-Key: \(key)\r\n\r\n\u{1}garbage\r\n\r\n"
            let bytes = String(decoding: try await server.client.open(text).bytes(), as: UTF8.self)
            #expect(bytes.components(separatedBy: "HTTP/1.1 ").dropFirst().map { $0.prefix(3) } == ["200", "400"])
        }
    }

    @Test("A body that breaks off is told, and HTTP/1.0 is closed after its answer")
    func brokenBody() async throws {
        try await Self.with { server, key in
            let head = "POST /t/store HTTP/1.1\r\nHost: a\r\nX-Api-Key: \(key)\r\nContent-Type: application/json\r\n"
            let short = try server.client.open(head + "Content-Length: 50\r\n\r\n{\"n\"")
            short.endSending()
            #expect(try await short.response().status == 400)
            let chunks = try await Self.send(server, head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n")
            #expect(chunks.status == 400)
            #expect(chunks.code == "bad-request")
            #expect(try await Self.send(server, "GET /t/hello HTTP/1.0\r\n\r\n").status == 200)
        }
    }

    @Test("A client that does not read its answers is not read any more, and gets all of them when it does")
    func deaf() async throws {
        try await Self.with { server, _ in
            let one = "GET /public/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
            let socket = try server.client.open(String(repeating: one, count: 300))
            socket.send(Array("GET /t/hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".utf8))
            let bytes = String(decoding: try await socket.bytes(), as: UTF8.self)
            #expect(bytes.components(separatedBy: "HTTP/1.1 200 OK").count == 302)
        }
    }
}
