import Testing

@testable import LevqorPG

@Suite("Mails on the wire")
struct OutboundMailTests {
    private func mail(from: String = "a@b.de", to: [String] = ["c@d.de"]) -> OutboundMail {
        OutboundMail(
            server: MailServer(host: "127.0.0.1", port: 1, security: .plain), sender: from, recipients: to, content: [],
            totalTimeout: .seconds(5)
        )
    }

    private func reply(_ lines: [String], of code: Int) -> String {
        var replies = SMTPReplies()
        for line in lines { Array((line + "\r\n").utf8).withUnsafeBytes { replies.take($0) } }
        return replies.text(of: code)
    }

    @Test(
        "an envelope that could end its command is refused before a byte is sent",
        arguments: ["", "a@b.de>\r\nRSET", "a b@c.de", "<a@b.de>", "jörg@b.de", "a@b.de\0"]
    )
    func envelope(address: String) async {
        let transport = HTTPTransport(.init(userAgent: "levqor-test"))
        #expect(mail(from: address).brokenRule()?.kind == .invalidRequest)
        #expect(await transport.send(mail(to: ["c@d.de", address])).failureKind == .invalidRequest)
        #expect(mail(to: []).brokenRule()?.kind == .invalidRequest)
        #expect(mail().brokenRule() == nil)
        await transport.shutdown()
    }

    @Test("the reply that decided is found, also when it has several lines and a goodbye follows")
    func replies() {
        let lines = ["220 hello", "250-one", "250 two", "550-5.1.1 no", "550 5.1.1 such user", "221 bye"]
        #expect(reply(lines, of: 550) == "550-5.1.1 no\n550 5.1.1 such user")
        #expect(reply(lines, of: 250) == "250-one\n250 two")
        #expect(reply(lines, of: 451) == "")
        #expect(reply(["no reply", "", "99 x"], of: 99) == "")
    }

    @Test("of a server that talks without end only the beginning is kept")
    func endless() {
        let lines = (0..<5000).map { _ in "250-" + String(repeating: "x", count: 80) }
        #expect(reply(lines + ["250 end"], of: 250).utf8.count <= 2048)
        #expect(reply((0..<5000).map { "250 \($0)" }, of: 250) == "250 4999")
    }

    @Test("after the shutdown no mail leaves")
    func shutdown() async {
        let transport = HTTPTransport(.init(userAgent: "levqor-test"))
        await transport.shutdown()
        #expect(await transport.send(mail()).failureKind == .shutdown)
    }
}
