import Testing

@testable import LevqorPG

@Suite("The end of a mail on the wire", .timeLimit(.minutes(1)))
struct OutboundMailEndTests {
    private func mail(to server: StubbornMailServer, size: Int = 32 * 1024 * 1024) -> OutboundMail {
        OutboundMail(
            server: MailServer(host: "127.0.0.1", port: Int(server.port), security: .plain), sender: "a@b.de",
            recipients: ["c@d.de"], content: [UInt8](repeating: UInt8(ascii: "x"), count: size),
            totalTimeout: .seconds(600)
        )
    }

    @Test("A server that does not answer the goodbye holds up the outcome no longer than a moment")
    func goodbye() async throws {
        let server = try StubbornMailServer(refusesRecipients: true)
        let transport = HTTPTransport(.init(userAgent: "levqor-test"))
        let outcome = await transport.send(mail(to: server, size: 10))
        #expect(outcome.response?.status == 550, "\(outcome)")
        await transport.shutdown()
    }
}
