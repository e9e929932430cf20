import Testing

@testable import LevqorPG

@Suite("The end of a mail on the wire", .timeLimit(.minutes(1)))
struct OutboundMailEndTests {
    private static let endOfContent = Array("\r\n.\r\n".utf8)

    private func mail(to server: StubbornMailServer, size: Int = 32 * 1024 * 1024) -> OutboundMail {
        OutboundMail(
            server: MailServer(host: "127.0.0.1", port: Int(server.port), security: .plain), sender: "a@b.de",
            recipients: ["c@d.de"], content: [UInt8](repeating: UInt8(ascii: "x"), count: size),
            totalTimeout: .seconds(600)
        )
    }

    @Test("A mail that is broken off while it is sent does not arrive as if that were all of it")
    func cancelled() async throws {
        let server = try StubbornMailServer()
        let transport = HTTPTransport(.init(userAgent: "levqor-test"))
        let sending = Task { await transport.send(mail(to: server)) }
        try await next(of: server.beginnings)
        sending.cancel()
        server.goOn()
        #expect(await sending.value.failureKind == .cancelled)
        let content = try await next(of: server.contents)
        #expect(content.firstRange(of: Self.endOfContent) == nil && content.count < 32 * 1024 * 1024)
        await transport.shutdown()
    }

    @Test("A mail that the shutdown breaks off does not arrive as if that were all of it")
    func shutDown() async throws {
        let server = try StubbornMailServer()
        let transport = HTTPTransport(.init(userAgent: "levqor-test"))
        let sending = Task { await transport.send(mail(to: server)) }
        try await next(of: server.beginnings)
        // Before the server takes anything: the shutdown does not wait for it.
        await transport.shutdown()
        #expect(await sending.value.failureKind == .shutdown)
        server.goOn()
        let content = try await next(of: server.contents)
        #expect(content.firstRange(of: Self.endOfContent) == nil && content.count < 32 * 1024 * 1024)
    }

    @Test("A server that does not answer the goodbye holds up the outcome no longer than a moment")
    func goodbye() async throws {
        let server = try StubbornMailServer(refusesRecipients: true)
        let transport = HTTPTransport(.init(userAgent: "levqor-test"))
        let outcome = await transport.send(mail(to: server, size: 10))
        #expect(outcome.response?.status == 550, "\(outcome)")
        await transport.shutdown()
    }

    @Test("A server that takes its time holds up no mail to another")
    func pool() async throws {
        let slow = try StubbornMailServer()
        let quick = try StubbornMailServer(refusesRecipients: true)
        let pool = TransportPool(2, .init(userAgent: "levqor-test", maxConcurrent: 1))
        let sending = Task { await pool.send(mail(to: slow)) }
        try await next(of: slow.beginnings)
        #expect(await pool.send(mail(to: quick, size: 10)).response?.status == 550)
        sending.cancel()
        slow.goOn()
        #expect(await sending.value.failureKind == .cancelled)
        await pool.shutdown()
        #expect(await pool.send(mail(to: quick)).failureKind == .shutdown)
    }
}
