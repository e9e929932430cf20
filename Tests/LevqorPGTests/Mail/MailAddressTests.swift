import Testing

@testable import LevqorPG

@Suite("Addresses of mails")
struct MailAddressTests {
    @Test("an address stands alone or behind a name")
    func forms() {
        #expect(MailAddress("ann@example.org")?.address == "ann@example.org")
        #expect(MailAddress("ann@example.org")?.name == nil)
        #expect(MailAddress("Ann Lee <ann@example.org>")?.name == "Ann Lee")
        #expect(MailAddress("\"Lee, \\\"Ann\\\"\" <ann@example.org>")?.name == "Lee, \"Ann\"")
        #expect(MailAddress("<ann@example.org>") == MailAddress("ann@example.org"))
    }

    @Test(
        "what is no address is refused",
        arguments: [
            "", "ann", "@example.org", "ann@", "ann@exa mple.org", "ann lee@example.org", "a..b@example.org",
            "jörg@example.org", "ann@[192.0.2.1]", "\"a b\"@example.org", "ann@example.org>", "Ann <ann@example.org",
            "Ann <ann@example.org> Lee", "A\r\nBcc: x <ann@example.org>", "ann@example.org\nBcc: b@c.de",
            "a\u{2028}b <ann@exa\u{2028}mple.org>", "ann@-example.org", "ann@exa_mple.org",
        ]
    )
    func refused(text: String) {
        #expect(MailAddress(text) == nil)
    }

    @Test("a domain in another script goes over the wire in ASCII")
    func international() {
        #expect(MailAddress("info@Müller.example")?.address == "info@xn--mller-kva.example")
        #expect(MailAddress("info@mu\u{308}ller.example")?.address == "info@xn--mller-kva.example")
        #expect(MailAddress("info@例え.テスト")?.domain == "xn--r8jz45g.xn--zckzah")
    }

    @Test("a name is quoted or encoded where it must be")
    func names() {
        #expect(MailAddress("Ann Lee <a@b.de>")?.headerWords == ["Ann", "Lee", "<a@b.de>"])
        #expect(MailAddress("Lee, Ann <a@b.de>")?.headerWords == ["\"Lee, Ann\"", "<a@b.de>"])
        #expect(MailAddress("a@c.de, x <a@b.de>")?.headerWords == ["\"a@c.de, x\"", "<a@b.de>"])
        #expect(MailAddress("=?utf-8?B?YQ==?= <a@b.de>")?.headerWords == ["\"=?utf-8?B?YQ==?=\"", "<a@b.de>"])
        #expect(MailAddress("Jörg <a@b.de>")?.headerWords == ["=?utf-8?B?SsO2cmc=?=", "<a@b.de>"])
        #expect(MailAddress("Jörg Müller <a@b.de>")?.text == "Jörg Müller <a@b.de>")
        #expect(MailAddress("Müller, Jörg <a@b.de>")?.text == "\"Müller, Jörg\" <a@b.de>")
    }
}
