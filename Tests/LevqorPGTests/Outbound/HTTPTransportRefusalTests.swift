import Foundation
import Testing

@testable import LevqorPG

@Suite("The transport refuses", .timeLimit(.minutes(2)))
struct HTTPTransportRefusalTests {
    private func receiver() throws -> LoopbackReceiver {
        try LoopbackReceiver { connection, _ in
            connection.answer("200 OK")
            return .keep
        }
    }

    /// Ways to write this machine's own address.
    static let spellings = [
        "127.0.0.1", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "0x7f000001", "127.0.0.1.", "127.255.255.254",
        "localhost", "LOCALHOST", "localhost.", "a.localhost", "%31%32%37.0.0.1", "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "0.0.0.0", "0", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]",
    ]

    @Test("no spelling of this machine's address reaches it", arguments: spellings)
    func spelling(host: String) async throws {
        let receiver = try receiver()
        let transport = HTTPTransport.guarded()
        let outcome = await transport.send(.get("http://\(host):\(receiver.port)/"))
        // Where the resolver knows no such name, that is its failure; never may there be a connection.
        let kinds: [OutboundFailure.Kind?] =
            host.hasSuffix(".") ? [.addressRefused, .nameResolution] : [.addressRefused]
        #expect(kinds.contains(outcome.failureKind), "\(outcome)")
        #expect(receiver.connectionCount == 0)
        await transport.shutdown()
        receiver.stop()
    }

    @Test(
        "the same spellings do reach it when the operator opens the range",
        arguments: ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "localhost", "[::ffff:127.0.0.1]"]
    )
    func spellingOpened(host: String) async throws {
        let receiver = try receiver()
        let transport = try HTTPTransport.forLoopback()
        #expect(await transport.send(.get("http://\(host):\(receiver.port)/")).response?.status == 200)
        #expect(receiver.connectionCount == 1)
        await transport.shutdown()
        receiver.stop()
    }

    @Test("the refusal names the address and the rule")
    func refusalNamed() async throws {
        let transport = HTTPTransport.guarded()
        let outcome = await transport.send(.get("http://169.254.169.254/latest/meta-data/"))
        #expect(outcome == .failure(OutboundFailure(.addressRefused, "169.254.169.254 is refused: cloud metadata")))
        await transport.shutdown()
    }

    @Test("a connection opened under a looser rule is not used under a stricter one")
    func policiesApart() async throws {
        let inside = try LoopbackReceiver { connection, request in
            if request.line.contains("hold") {
                connection.waitForEnd()
                return .close
            }
            connection.answer("200 OK")
            return .keep
        }
        let transport = HTTPTransport.guarded()
        let url = "http://127.0.0.1:\(inside.port)"
        var loose = OutboundRequest.get("\(url)/loose")
        loose.allowPrivateAddresses = true
        #expect(await transport.send(loose).response?.status == 200)
        #expect(await transport.send(.get("\(url)/strict")).failureKind == .addressRefused)
        // And while the looser one is still under way.
        var holding = loose
        holding.url = "\(url)/hold"
        let holder = Task { [holding] in await transport.send(holding) }
        for await request in inside.arrivals where request.line.contains("hold") { break }
        #expect(await transport.send(.get("\(url)/strict")).failureKind == .addressRefused)
        #expect(inside.connectionCount == 2)
        holder.cancel()
        _ = await holder.value
        await transport.shutdown()
        inside.stop()
    }

    @Test("proxies in the environment have no say")
    func environmentProxies() async throws {
        // In a process of its own: the environment belongs to all tests.
        await #expect(processExitsWith: .success) {
            let proxy = try LoopbackReceiver { connection, _ in
                connection.answer("299 Proxy")
                return .close
            }
            let receiver = try LoopbackReceiver { connection, _ in
                connection.answer("200 OK")
                return .close
            }
            for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
                setenv(name, "http://127.0.0.1:\(proxy.port)", 1)
            }
            unsetenv("no_proxy")
            unsetenv("NO_PROXY")
            let transport = try HTTPTransport.forLoopback()
            let response = await transport.send(.get("http://127.0.0.1:\(receiver.port)/")).response
            await transport.shutdown()
            try #require(response?.status == 200)
            try #require(receiver.connectionCount == 1)
            try #require(proxy.connectionCount == 0)
        }
    }

    @Test(
        "URLs that are no plain http or https are refused before anything happens",
        arguments: [
            "", "http://", "https:///path", "127.0.0.1", "//127.0.0.1/", "file:///etc/passwd",
            "gopher://127.0.0.1:70/_x",
            "ftp://127.0.0.1/", "smb://127.0.0.1/", "dict://127.0.0.1/", "javascript:alert(1)", "http:127.0.0.1",
            "http:/127.0.0.1/", "http://user@127.0.0.1/", "http://user:hunter2@127.0.0.1/", "http://@127.0.0.1/",
            "http://:@127.0.0.1/", "http://a@b@127.0.0.1/", "http://127.0.0.1\\@example.com/", "http://127.0.0.1/a b",
            "http://127.0.0.1/\r\nX-Injected: 1", "http://127.0.0.1/\u{0}", "http://127.0.0.1/\u{e9}",
            " http://127.0.0.1/",
            "http://127.0.0.1:99999/", "http://127.0.0.1:port/", "http://[::1", "http://?q", "http://#f",
            "http://127.0.0.1/" + String(repeating: "x", count: 8192),
        ]
    )
    func unusableURL(url: String) async throws {
        let transport = HTTPTransport.guarded()
        let outcome = await transport.send(.get(url))
        #expect(outcome.failureKind == .invalidURL, "\(outcome)")
        #expect(outcome.failureMessage?.contains("hunter2") == false)
        await transport.shutdown()
    }

    @Test(
        "headers that would break out of their line, or frame the message, are refused",
        arguments: [
            ("X-A", "1\r\nX-B: 2"), ("X-A", "1\n"), ("X-A", "\r"), ("X-A", "a\u{0}b"), ("X-A", "\u{7f}"),
            ("X-A\r\nX-B", "1"), ("X-A: x", "1"), ("", "1"), ("X A", "1"), ("X\u{0}", "1"), ("N\u{e4}me", "1"),
            ("X;", ""), ("Host", "other"), ("content-length", "0"), ("Transfer-Encoding", "chunked"),
            ("Connection", "close"), ("EXPECT", "100-continue"), ("Proxy-Authorization", "x"), ("upgrade", "h2c"),
        ]
    )
    func unusableHeader(name: String, value: String) async throws {
        let receiver = try receiver()
        let transport = try HTTPTransport.forLoopback()
        var request = OutboundRequest.get("http://127.0.0.1:\(receiver.port)/")
        request.headers = [("X-Fine", "1"), (name, value)]
        let outcome = await transport.send(request)
        #expect(outcome.failureKind == .invalidRequest, "\(outcome)")
        #expect(receiver.connectionCount == 0)
        await transport.shutdown()
        receiver.stop()
    }

    @Test(
        "methods that are not known are refused",
        arguments: ["", "get", "CONNECT", "TRACE", "GET / HTTP/1.1\r\nX: ", "GET\r\n", "G\u{0}T", "PÖST"]
    )
    func unusableMethod(method: String) async throws {
        let transport = try HTTPTransport.forLoopback()
        let request = OutboundRequest(id: "r", method: method, url: "http://127.0.0.1:1/")
        #expect(await transport.send(request).failureKind == .invalidRequest)
        await transport.shutdown()
    }
}
