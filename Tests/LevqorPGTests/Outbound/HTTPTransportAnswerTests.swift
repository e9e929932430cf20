import Foundation
import Testing

@testable import LevqorPG

@Suite("The transport and answers", .timeLimit(.minutes(2)))
struct HTTPTransportAnswerTests {
    @Test("a 200 comes back with status, headers, body, address and timing")
    func plainAnswer() async throws {
        let receiver = try LoopbackReceiver { connection, _ in
            connection.send("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n")
            connection.answer("200 OK", headers: "X-One: a: b \r\nSet-Cookie: k=1\r\nSet-Cookie: l=2\r\n", "hello")
            return .keep
        }
        let transport = try HTTPTransport.forLoopback()
        let outcome = await transport.send(.get("http://127.0.0.1:\(receiver.port)/a/../b?q=1#fragment"))
        let response = try #require(outcome.response)
        #expect(response.status == 200)
        #expect(response.text == "hello")
        #expect(!response.truncated)
        #expect(response.headers.map(\.name) == ["x-one", "set-cookie", "set-cookie", "content-length"])
        #expect(response.header("X-One") == "a: b")
        #expect(response.remoteAddress == "127.0.0.1:\(receiver.port)")
        #expect(response.timing.total >= response.timing.firstByte && response.timing.firstByte > 0)
        let request = try await next(of: receiver.arrivals)
        #expect(request.line == "GET /a/../b?q=1 HTTP/1.1")
        #expect(request.header("User-Agent") == "levqor-test")
        await transport.shutdown()
        receiver.stop()
    }

    @Test("the body arrives byte for byte, with the given headers and none that were not asked for")
    func exactBytes() async throws {
        let receiver = try LoopbackReceiver { connection, _ in
            connection.answer("204 No Content")
            return .keep
        }
        let transport = try HTTPTransport.forLoopback()
        let body = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var request = OutboundRequest(id: "r", method: "POST", url: "http://127.0.0.1:\(receiver.port)/")
        request.headers = [("X-Empty", ""), ("X-Blank", "  "), ("x-name", "v\u{e9}"), ("User-Agent", "own")]
        request.body = body
        #expect(await transport.send(request).response?.status == 204)
        let arrived = try await next(of: receiver.arrivals)
        #expect(arrived.body == body)
        #expect(arrived.line == "POST / HTTP/1.1")
        #expect(arrived.header("Content-Length") == "300000")
        #expect(arrived.header("X-Empty") == "" && arrived.header("X-Blank") == "")
        #expect(arrived.header("x-name") == "v\u{e9}")
        #expect(arrived.header("User-Agent") == "own")
        #expect(arrived.header("Expect") == nil && arrived.header("Content-Type") == nil)
        #expect(arrived.header("Authorization") == nil && arrived.header("Cookie") == nil)
        await transport.shutdown()
        receiver.stop()
    }

    @Test(
        "every method is sent as named",
        arguments: [
            ("GET", ""), ("HEAD", ""), ("POST", ""), ("POST", "x"), ("PUT", ""), ("PATCH", "x"), ("DELETE", ""),
            ("DELETE", "x"), ("OPTIONS", ""), ("GET", "x"),
        ]
    )
    func methods(method: String, body: String) async throws {
        let receiver = try LoopbackReceiver { connection, request in
            let body = request.line.hasPrefix("HEAD") ? "" : "ok"
            connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\(body)")
            return .keep
        }
        let transport = try HTTPTransport.forLoopback()
        var request = OutboundRequest(id: "r", method: method, url: "http://127.0.0.1:\(receiver.port)/")
        request.body = Array(body.utf8)
        #expect(await transport.send(request).response?.status == 200)
        let arrived = try await next(of: receiver.arrivals)
        #expect(arrived.line == "\(method) / HTTP/1.1")
        #expect(arrived.body == Array(body.utf8))
        let lengthExpected = ["POST", "PUT", "PATCH"].contains(method) || !body.isEmpty
        #expect(arrived.header("Content-Length") == (lengthExpected ? String(body.utf8.count) : nil))
        await transport.shutdown()
        receiver.stop()
    }

    @Test("a redirect is an answer and is not followed", arguments: [301, 302, 303, 307, 308])
    func redirect(status: Int) async throws {
        let target = try LoopbackReceiver { connection, _ in
            connection.answer("200 OK")
            return .close
        }
        let receiver = try LoopbackReceiver { connection, _ in
            connection.answer("\(status) Elsewhere", headers: "Location: http://127.0.0.1:\(target.port)/\r\n")
            return .keep
        }
        let transport = try HTTPTransport.forLoopback()
        let response = await transport.send(.get("http://127.0.0.1:\(receiver.port)/")).response
        #expect(response?.status == status)
        #expect(response?.header("location") == "http://127.0.0.1:\(target.port)/")
        #expect(receiver.connectionCount == 1)
        #expect(target.connectionCount == 0)
        await transport.shutdown()
        receiver.stop()
        target.stop()
    }

    @Test("an answer over the cap is cut there and keeps its status", arguments: [0, 1, 9, 10, 100_000])
    func overCap(cap: Int) async throws {
        let receiver = try LoopbackReceiver { connection, _ in
            connection.send("HTTP/1.1 500 Oops\r\n\r\n")
            // Without an end: only the reader's leaving stops it.
            while connection.send(Array(repeating: UInt8(ascii: "x"), count: 8192)) {}
            return .close
        }
        let transport = try HTTPTransport.forLoopback()
        var request = OutboundRequest.get("http://127.0.0.1:\(receiver.port)/")
        request.responseCap = cap
        let response = try #require(await transport.send(request).response)
        #expect(response.status == 500)
        #expect(response.truncated)
        #expect(response.body == Array(repeating: UInt8(ascii: "x"), count: cap))
        try await next(of: receiver.endings)
        await transport.shutdown()
        receiver.stop()
    }

    @Test("an answer of exactly the cap is whole")
    func exactlyCap() async throws {
        let receiver = try LoopbackReceiver { connection, _ in
            connection.answer("200 OK", "0123456789")
            return .keep
        }
        let transport = try HTTPTransport.forLoopback()
        var request = OutboundRequest.get("http://127.0.0.1:\(receiver.port)/")
        request.responseCap = 10
        let response = try #require(await transport.send(request).response)
        #expect(response.text == "0123456789" && !response.truncated)
        await transport.shutdown()
        receiver.stop()
    }

    @Test(
        "what is no whole HTTP answer is a protocol failure",
        arguments: [
            "", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", "hello, I am no HTTP server\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\n" + String(repeating: "X-Long: \(String(repeating: "y", count: 1000))\r\n", count: 400),
        ]
    )
    func broken(answer: String) async throws {
        let receiver = try LoopbackReceiver { connection, _ in
            connection.send(answer)
            return .close
        }
        let transport = try HTTPTransport.forLoopback()
        let outcome = await transport.send(.get("http://127.0.0.1:\(receiver.port)/"))
        #expect(outcome.failureKind == .protocol, "\(outcome)")
        await transport.shutdown()
        receiver.stop()
    }

    @Test("a connection is used again, and checked headers do not leak into the next request")
    func reuse() async throws {
        let receiver = try LoopbackReceiver { connection, _ in
            connection.answer("200 OK", "x")
            return .keep
        }
        let transport = try HTTPTransport.forLoopback()
        var first = OutboundRequest.get("http://127.0.0.1:\(receiver.port)/1")
        first.headers = [("Authorization", "Bearer one")]
        #expect(await transport.send(first).response?.status == 200)
        #expect(await transport.send(.get("http://127.0.0.1:\(receiver.port)/2")).response?.status == 200)
        var requests: [LoopbackReceiver.Request] = []
        for await request in receiver.arrivals.prefix(2) { requests.append(request) }
        #expect(requests.map { $0.header("Authorization") } == ["Bearer one", nil])
        #expect(receiver.connectionCount == 1)
        await transport.shutdown()
        receiver.stop()
    }

    @Test("nobody listening is a connect failure")
    func nobodyListens() async throws {
        let receiver = try LoopbackReceiver { _, _ in .close }
        receiver.stop()
        // The port is free once the accepting thread has closed it; until then connections are accepted and dropped.
        let transport = try HTTPTransport.forLoopback()
        var kind = await transport.send(.get("http://127.0.0.1:\(receiver.port)/")).failureKind
        for _ in 0..<1000 where kind != .connect {
            kind = await transport.send(.get("http://127.0.0.1:\(receiver.port)/")).failureKind
        }
        #expect(kind == .connect)
        await transport.shutdown()
    }

    @Test("a name without an address is a name failure")
    func noSuchName() async throws {
        let transport = try HTTPTransport.forLoopback()
        let outcome = await transport.send(.get("http://no-such-host.invalid/secret?token=1"))
        #expect(outcome.failureKind == .nameResolution)
        #expect(outcome.failureMessage?.contains("token") == false)
        await transport.shutdown()
    }
}
