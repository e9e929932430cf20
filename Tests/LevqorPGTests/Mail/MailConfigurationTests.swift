import Testing

@testable import LevqorPG

@Suite("Settings of mails")
struct MailConfigurationTests {
    private func server(_ changes: [String: String]) throws -> MailServer? {
        let variables = ["LEVQOR_MAIL_FROM": "Levqor <noreply@example.com>"].merging(changes) { $1 }
        if case .smtp(let server) = try MailConfiguration(environment: variables).route { return server }
        return nil
    }

    private func wrongName(_ changes: [String: String]) -> String? {
        do {
            _ = try server(changes)
            return nil
        } catch {
            return (error as? MailConfiguration.InvalidSetting)?.name
        }
    }

    @Test("without a URL there is no way out, and that is fine")
    func none() throws {
        let configuration = try MailConfiguration(environment: [:])
        guard case .none = configuration.route else {
            Issue.record("there is a route")
            return
        }
    }

    @Test("smtp asks for STARTTLS, smtps for TLS, each with its port")
    func security() throws {
        let start = try #require(try server(["LEVQOR_MAIL_URL": "smtp://mail.example.com"]))
        #expect(start.security == .startTLS && start.port == 587 && start.login == nil)
        #expect(start.url == "smtp://mail.example.com:587/")
        let whole = try #require(try server(["LEVQOR_MAIL_URL": "smtps://[2001:db8::1]/our.name"]))
        #expect(whole.security == .tls && whole.url == "smtps://[2001:db8::1]:465/our.name")
    }

    @Test("a user may be an address, and its password hides itself")
    func login() throws {
        let variables = [
            "LEVQOR_MAIL_URL": "smtp://ann%40example.com@mail.example.com:25", "LEVQOR_MAIL_PASSWORD": "hush!",
        ]
        let server = try #require(try server(variables))
        #expect(server.login?.user == "ann@example.com" && server.login?.password.revealed == "hush!")
        var dumped = ""
        dump(server, to: &dumped)
        #expect(
            !dumped.contains("hush!") && !"\(server)".contains("hush!") && !String(reflecting: server).contains("hush!")
        )
        #expect(!server.url.contains("ann"))
    }

    @Test("without TLS there is no login, except on this machine")
    func plain() throws {
        #expect(try server(["LEVQOR_MAIL_URL": "smtp://mail:1025", "LEVQOR_MAIL_TLS": "off"])?.security == .plain)
        let login = ["LEVQOR_MAIL_TLS": "off", "LEVQOR_MAIL_PASSWORD": "p"]
        #expect(wrongName(login.merging(["LEVQOR_MAIL_URL": "smtp://u@mail:1025"]) { $1 }) == "LEVQOR_MAIL_TLS")
        #expect(try server(login.merging(["LEVQOR_MAIL_URL": "smtp://u@127.0.0.1"]) { $1 })?.security == .plain)
        #expect(wrongName(["LEVQOR_MAIL_URL": "smtps://mail", "LEVQOR_MAIL_TLS": "off"]) == "LEVQOR_MAIL_TLS")
    }

    @Test("a wrong setting is told by its name")
    func wrong() {
        #expect(wrongName(["LEVQOR_MAIL_URL": "smtp://u@mail"]) == "LEVQOR_MAIL_PASSWORD")
        #expect(wrongName(["LEVQOR_MAIL_URL": "smtp://u:p@mail"]) == "LEVQOR_MAIL_URL")
        #expect(wrongName(["LEVQOR_MAIL_URL": "mail.example.com"]) == "LEVQOR_MAIL_URL")
        #expect(wrongName(["LEVQOR_MAIL_URL": "smtp://mail/a b"]) == "LEVQOR_MAIL_URL")
        #expect(wrongName(["LEVQOR_MAIL_URL": "http://mail"]) == "LEVQOR_MAIL_URL")
        #expect(wrongName(["LEVQOR_MAIL_URL": "smtp://mail", "LEVQOR_MAIL_TLS": "maybe"]) == "LEVQOR_MAIL_TLS")
        #expect(wrongName(["LEVQOR_MAIL_URL": "smtp://mail", "LEVQOR_MAIL_FROM": ""]) == "LEVQOR_MAIL_FROM")
        #expect(wrongName(["LEVQOR_MAIL_URL": "resend:"]) == "LEVQOR_RESEND_KEY")
        #expect(
            wrongName(["LEVQOR_MAIL_URL": "resend:", "LEVQOR_RESEND_KEY": "k", "LEVQOR_RESEND_URL": "x"])
                == "LEVQOR_RESEND_URL")
    }
}
