import Testing

@testable import LevqorPG

@Suite("Mails by Resend", .serialized, .timeLimit(.minutes(2)))
struct ResendTests {
    private func transport(_ port: String, key: String) throws -> MailTransport {
        let variables = [
            "LEVQOR_MAIL_URL": "resend:", "LEVQOR_MAIL_FROM": "Levqor Prüfung <noreply@example.com>",
            "LEVQOR_RESEND_KEY": key, "LEVQOR_RESEND_URL": "http://127.0.0.1:\(port)/",
        ]
        let http = HTTPTransport(
            .init(userAgent: "levqor-test", addressGuard: AddressGuard(allowing: [try CIDR("127.0.0.0/8")])))
        return MailTransport(try MailConfiguration(environment: variables), http: http)
    }

    @Test("the call is the one that the official package makes")
    func sameCall() async throws {
        let receiver = try PythonProgram("resend_calls.py")
        let transport = try transport(receiver.firstLine, key: "re_test_123")
        let outcome = await transport.send(
            mail(
                to: "Jörg Müller <joerg@example.org>",
                [
                    ("reply_to", .string("help@example.com")),
                    ("list_unsubscribe", .string("https://example.com/u/abc")),
                    (
                        "attachments",
                        .array([
                            .object([
                                ("name", .string("Übersicht.csv")), ("content_type", .string("text/csv")),
                                ("content", .string(Base64.encode(Array("a;b\n1;ü\n".utf8)))),
                            ])
                        ])
                    ),
                ]))
        #expect(outcome.answer?.status == 250, "\(outcome)")
        #expect(outcome.answer?.words.contains("49a3999c-0ce1-4ea6-ab68-afcd6dc2e794") == true)
        let got = try receiver.next()
        #expect(got["differences"] == .array([]), "\(got)")
        await transport.shutdown()
    }

    @Test("a key that is refused is the operator's to mend, a mail that is refused is dead, a full hour passes")
    func refusals() async throws {
        let receiver = try PythonProgram("resend_calls.py")
        let wrong = try await transport(receiver.firstLine, key: "re_wrong").send(mail()).failure
        #expect(wrong?.kind == .notConfigured && wrong?.message.contains("re_wrong") == false)
        let strict = try await transport(receiver.firstLine, key: "re_strict").send(mail()).answer
        #expect(strict?.status == 554 && strict?.words.hasPrefix("HTTP 422: ") == true)
        let busy = try await transport(receiver.firstLine, key: "re_busy").send(mail()).answer
        #expect(busy?.status == 451 && busy?.header("retry-after") == "7")
    }
}
