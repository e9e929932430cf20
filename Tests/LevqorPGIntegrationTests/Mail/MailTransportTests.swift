import Testing

@testable import LevqorPG

@Suite("Mails by SMTP", .serialized, .timeLimit(.minutes(2)))
struct MailTransportTests {
    @Test("a mail arrives whole: names, both parts, an attachment, the headers")
    func whole() async throws {
        let server = try MailTestServer()
        let transport = try server.transport(tls: "off")
        let name = "Übersicht – " + String(repeating: "größer ", count: 12) + ".csv"
        let content = (0..<3000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let outcome = await transport.send(
            mail(
                to: "Jörg \"der Große\" Müller-Lüdenscheidt, Abteilung für Überlänge <joerg@Müller.example>",
                [
                    ("message_id", .string("mail_77")), ("date", .string("Sat, 01 Feb 2031 10:00:00 +0000")),
                    ("reply_to", .string("\"Hilfe, bitte\" <help@example.com>")),
                    ("list_unsubscribe", .string("https://example.com/u/abc")),
                    (
                        "attachments",
                        .array([
                            .object([
                                ("name", .string(name)), ("content_type", .string("application/x-test")),
                                ("content", .string(Base64.encode(content))),
                            ])
                        ])
                    ),
                ]))
        #expect(outcome.answer?.status == 250, "\(outcome)")
        #expect(outcome.answer?.words == "250 2.0.0 Taken")
        #expect(outcome.answer?.remoteAddress == "127.0.0.1:\(server.port)")
        let got = try server.program.next()
        #expect(got["sender"] == .string("noreply@example.com"))
        #expect(got["recipients"] == .array([.string("joerg@xn--mller-kva.example")]))
        #expect(got["subject"] == .string("Größe: 3 < 5"))
        #expect(got["from"] == .array([.array([.string("Levqor Prüfung"), .string("noreply@example.com")])]))
        #expect(
            got["to"]
                == .array([
                    .array([
                        .string("Jörg \"der Große\" Müller-Lüdenscheidt, Abteilung für Überlänge"),
                        .string("joerg@xn--mller-kva.example"),
                    ])
                ]))
        #expect(got["reply_to"] == .array([.array([.string("Hilfe, bitte"), .string("help@example.com")])]))
        #expect(got["date"] == .string("2031-02-01T10:00:00+00:00"))
        #expect(got["message_id"] == .string("<mail_77@example.com>"))
        let headers = got["headers"]?.array ?? []
        #expect(headers.contains(.array([.string("list-unsubscribe"), .string("<https://example.com/u/abc>")])))
        #expect(headers.contains(.array([.string("list-unsubscribe-post"), .string("List-Unsubscribe=One-Click")])))
        #expect(
            got["structure"]
                == .array(
                    ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/x-test"]
                        .map(JSONValue.string)))
        let parts = got["parts"]?.array ?? []
        #expect(parts.last?["bytes"] == .string(Base64.encode(content)))
        #expect(
            parts.first?["text"] == .string("3 < 5\n")
                && parts.dropFirst().first?["text"] == .string("<p>3 &lt; 5</p>\n"))
        #expect(parts.last?["filename"] == .string(name) && parts.last?["disposition"] == .string("attachment"))
        #expect(parts.last?["encoding"] == .string("base64"))
        #expect(got["defects"] == .array([]), "\(got)")
        #expect(got["bare_line_ends"] == .int(0) && got["is_ascii"] == .bool(true))
        #expect((got["longest_line"]?.number?.int64 ?? 999) <= 78)
        await transport.shutdown()
    }

    @Test("a long text with dots, long lines and any line end arrives as it was")
    func longText() async throws {
        let server = try MailTestServer()
        let transport = try server.transport(tls: "off")
        let line = ".\n..\n.x\n" + String(repeating: "ü", count: 1200) + "\nFrom here \n\n"
        let text = String(repeating: line, count: 200)
        let outcome = await transport.send(mail(to: "a@example.org", [("data", .object([("size", .string(text))]))]))
        #expect(outcome.answer?.status == 250, "\(outcome)")
        let got = try server.program.next()
        // Not as one expectation of two texts, which would print both.
        let isWhole = got["parts"]?.array?.first?["text"] == .string(text + "\n")
        #expect(isWhole)
        #expect((got["longest_line"]?.number?.int64 ?? 999) <= 78)
        await transport.shutdown()
    }

    @Test("several mails go over one transport at once")
    func several() async throws {
        let server = try MailTestServer()
        let transport = try server.transport(tls: "off")
        let statuses = await withTaskGroup(of: Int?.self) { group in
            for number in 0..<40 {
                group.addTask { await transport.send(mail(to: "a\(number)@example.org")).answer?.status }
            }
            return await group.reduce(into: [Int?]()) { $0.append($1) }
        }
        #expect(statuses == Array(repeating: 250, count: 40))
        let got = try (0..<40).map { _ in try server.program.next()["recipients"]?.array?.first?.string ?? "" }
        #expect(Set(got) == Set((0..<40).map { "a\($0)@example.org" }))
        await transport.shutdown()
    }

    @Test(
        "a refusal tells the reply code, the words and the command",
        arguments: [
            ("unknown", 550, "550 5.1.1 No such user here", "RCPT"),
            ("busy", 450, "450 4.2.1 Mailbox busy, try again later", "RCPT"),
            ("content", 554, "554 5.6.0 We do not like what you write", "DATA"),
            ("later", 451, "451 4.3.0 Try again later", "DATA"),
        ])
    func refusals(local: String, status: Int, words: String, command: String) async throws {
        let server = try MailTestServer()
        let transport = try server.transport(tls: "off")
        let outcome = await transport.send(mail(to: "\(local)@example.org"))
        #expect(outcome.answer?.status == status, "\(outcome)")
        #expect(outcome.answer?.words == words)
        #expect(outcome.answer?.header("smtp-command") == command)
        // The next one finds the transport as good as new.
        #expect(await transport.send(mail()).answer?.status == 250)
        await transport.shutdown()
    }

    @Test("STARTTLS with a login", arguments: ["starttls", "smtps"])
    func login(mode: String) async throws {
        let server = try MailTestServer(mode, user: "levqor")
        let transport = try server.transport(scheme: mode == "smtps" ? "smtps" : "smtp", user: "levqor")
        let outcome = await transport.send(mail())
        #expect(outcome.answer?.status == 250, "\(outcome)")
        let got = try server.program.next()
        #expect(got["tls"] == .bool(true) && got["user"] == .string("levqor"))
        await transport.shutdown()
    }

    @Test("a refused login is the operator's to mend, and tells no password")
    func refusedLogin() async throws {
        let server = try MailTestServer("starttls", user: "levqor")
        let transport = try server.transport(user: "levqor", password: "wrong-one")
        let failure = await transport.send(mail()).failure
        #expect(failure?.kind == .notConfigured, "\(String(describing: failure))")
        #expect(failure?.message.contains("535") == true && failure?.message.contains("wrong-one") == false)
        await transport.shutdown()
    }

    @Test("nothing is sent to a server without STARTTLS, nor to one whose certificate does not hold")
    func noTLS() async throws {
        let plain = try MailTestServer()
        let first = try plain.transport(trusts: false)
        #expect(await first.send(mail()).failure?.kind == .tls)
        await first.shutdown()
        let unknown = try MailTestServer("starttls")
        let second = try unknown.transport(trusts: false)
        #expect(await second.send(mail()).failure?.kind == .tls)
        await second.shutdown()
        let other = try MailTestServer("smtps", name: "DNS:elsewhere.example")
        let third = try other.transport(scheme: "smtps")
        #expect(await third.send(mail()).failure?.kind == .tls)
        await third.shutdown()
    }

    @Test("a server that is not there, and a name that is none, are told apart")
    func away() async throws {
        func failure(_ url: String) async throws -> OutboundFailure.Kind? {
            let configuration = try MailConfiguration(
                environment: ["LEVQOR_MAIL_URL": url, "LEVQOR_MAIL_FROM": "a@example.com"])
            let transport = MailTransport(configuration, http: HTTPTransport(.init(userAgent: "levqor-test")))
            let outcome = await transport.send(mail())
            await transport.shutdown()
            return outcome.failure?.kind
        }
        #expect(try await failure("smtp://127.0.0.1:1") == .connect)
        #expect(try await failure("smtp://nobody.invalid") == .nameResolution)
    }

    @Test("a server that says nothing ends with the time, or with the task")
    func silent() async throws {
        let server = try MailTestServer("silent")
        let transport = try server.transport(tls: "off")
        let late = await transport.send(mail(), id: "msg_1", timeout: .milliseconds(200))
        #expect(late.failure?.kind == .timeout, "\(late)")
        let task = Task { await transport.send(mail()) }
        task.cancel()
        #expect(await task.value.failure?.kind == .cancelled)
        await transport.shutdown()
    }

    @Test("without settings a mail waits and says for what")
    func notConfigured() async throws {
        let transport = MailTransport(
            try MailConfiguration(environment: [:]), http: HTTPTransport(.init(userAgent: "x")))
        let failure = await transport.send(mail()).failure
        #expect(failure?.kind == .notConfigured && failure?.message.contains("LEVQOR_MAIL_URL") == true)
        await transport.shutdown()
        #expect(await transport.send(mail()).failure?.kind == .notConfigured)
    }
}
