import Testing

@testable import LevqorPG

/// A real mail server (aiosmtpd), and a transport that hands mails to it.
struct MailTestServer {
    let program: PythonProgram
    let port: String
    let certificate: String

    init(
        _ mode: String = "plain", user: String? = nil, password: String = "secret", name: String = "IP:127.0.0.1"
    ) throws {
        program = try PythonProgram(
            "mail_server.py",
            ["--mode", mode, "--name", name] + (user.map { ["--user", $0, "--password", password] } ?? []))
        let parts = program.firstLine.split(separator: " ").map(String.init)
        port = parts[0]
        certificate = parts[1]
    }

    func transport(
        scheme: String = "smtp", user: String? = nil, password: String = "secret", tls: String? = nil,
        trusts: Bool = true
    ) throws -> MailTransport {
        let login = user.map { "\($0)@" } ?? ""
        let variables = [
            "LEVQOR_MAIL_URL": "\(scheme)://\(login)127.0.0.1:\(port)/levqor.example.com",
            "LEVQOR_MAIL_FROM": "Levqor Prüfung <noreply@example.com>", "LEVQOR_MAIL_PASSWORD": password,
            "LEVQOR_MAIL_TLS": tls ?? "required",
        ]
        return MailTransport(
            try MailConfiguration(environment: variables), http: HTTPTransport(.init(userAgent: "levqor-test")),
            certificateAuthorityFile: trusts && tls != "off" ? certificate : nil
        )
    }
}

/// The mail of these tests, to one address.
func mail(to address: String = "Jörg Müller <joerg@example.org>", _ more: [(String, JSONValue?)] = []) -> JSONValue {
    let usual: [(String, JSONValue?)] = [
        ("to", .array([.string(address)])), ("subject_template", .string("Größe: {{size}}")),
        ("text_template", .string("{{size}}\n")), ("html_template", .string("<p>{{size}}</p>\n")),
        ("data", .object([("size", .string("3 < 5"))])), ("class", .string("newsletter")),
    ]
    return .object(usual.filter { part in !more.contains { $0.0 == part.0 } } + more)
}

extension MailTransport {
    func send(_ mail: JSONValue) async -> OutboundOutcome {
        await send(mail, id: "msg_0123456789abcdef0123456789abcdef", timeout: .seconds(20))
    }
}

extension OutboundOutcome {
    var answer: OutboundResponse? { if case .response(let response) = self { response } else { nil } }
    var failure: OutboundFailure? { if case .failure(let failure) = self { failure } else { nil } }
}

extension OutboundResponse {
    var words: String { String(decoding: body, as: UTF8.self) }
}
