import Testing

@testable import LevqorPG

@Suite("The transport and TLS", .serialized, .timeLimit(.minutes(2)))
struct HTTPTransportTLSTests {
    @Test("a self-signed certificate is refused")
    func selfSigned() async throws {
        let receiver = try TLSReceiver(certifying: "IP:127.0.0.1")
        let transport = try HTTPTransport.forLoopback()
        let outcome = await transport.send(.get("https://127.0.0.1:\(receiver.port)/"))
        #expect(outcome.failureKind == .tls, "\(outcome)")
        await transport.shutdown()
    }

    @Test("a certificate of a given authority is accepted")
    func givenAuthority() async throws {
        let receiver = try TLSReceiver(certifying: "IP:127.0.0.1")
        let transport = try HTTPTransport.forLoopback(certificateAuthorityFile: receiver.certificateFile)
        let outcome = await transport.send(.get("https://127.0.0.1:\(receiver.port)/"))
        #expect(outcome.response?.text == "over tls", "\(outcome)")
        #expect((outcome.response?.timing.tls ?? 0) > 0)
        await transport.shutdown()
    }

    @Test("a good certificate for another host is refused")
    func otherHost() async throws {
        let receiver = try TLSReceiver(certifying: "DNS:elsewhere.example")
        let transport = try HTTPTransport.forLoopback(certificateAuthorityFile: receiver.certificateFile)
        let outcome = await transport.send(.get("https://127.0.0.1:\(receiver.port)/"))
        #expect(outcome.failureKind == .tls, "\(outcome)")
        await transport.shutdown()
    }

    @Test("an authority file that is not there fails the request and never falls back to another trust")
    func missingAuthority() async throws {
        let receiver = try TLSReceiver(certifying: "IP:127.0.0.1")
        let transport = try HTTPTransport.forLoopback(certificateAuthorityFile: "/nonexistent/authority.pem")
        let outcome = await transport.send(.get("https://127.0.0.1:\(receiver.port)/"))
        #expect(outcome.failureKind == .tls, "\(outcome)")
        await transport.shutdown()
    }
}
