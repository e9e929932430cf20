import ServiceLifecycle

/// Sends mails: fills their templates, writes their bytes, and hands them over by SMTP or to Resend, as the settings say.
///
/// SMTP has transfer threads of its own: a slow mail server holds up no request over HTTP. libcurl waits for some of
/// its replies with the whole thread, so each thread has one mail at a time, and a slow one holds up only its own.
struct MailTransport: Sendable {
    /// Mails on their way at once. Mail servers dislike many connections.
    private static let threads = 8

    private let configuration: MailConfiguration
    private let http: HTTPTransport
    private let smtp: TransportPool

    /// - Parameters:
    ///   - http: Carries the calls of Resend's API, under its own address guard.
    ///   - certificateAuthorityFile: As in `HTTPTransport.Configuration`, for mail servers.
    init(_ configuration: MailConfiguration, http: HTTPTransport, certificateAuthorityFile: String? = nil) {
        self.configuration = configuration
        self.http = http
        smtp = TransportPool(
            Self.threads,
            .init(
                userAgent: "", certificateAuthorityFile: certificateAuthorityFile,
                maxConcurrent: 1, maxIdleConnections: 1
            )
        )
    }

    /// Sends one mail and waits for its end. Never throws, always gives exactly one outcome.
    ///
    /// A response's status is in the terms of SMTP, its body the server's reply. Without settings the outcome is a failure of
    /// the kind `not_configured`, and so is a login that is refused: the mail is as good as before.
    ///
    /// - Parameter id: The same in every attempt; it makes the Message-ID, and Resend's Idempotency-Key.
    func send(_ mail: JSONValue, id: String, timeout: Duration) async -> OutboundOutcome {
        guard let sender = configuration.sender else {
            return .failure(OutboundFailure(.notConfigured, "no mail is sent: LEVQOR_MAIL_URL is not set"))
        }
        do throws(OutboundFailure) {
            let draft = try MailDraft(mail)
            let rendered = draft.templates.render(draft.data)
            let from = draft.from ?? sender
            switch configuration.route {
            case .none:
                return .failure(OutboundFailure(.notConfigured, "no mail is sent: LEVQOR_MAIL_URL is not set"))
            case .smtp(let server):
                let message = MIMEMessage(draft, rendered, from: from, id: id, date: Self.now())
                return await smtp.send(
                    OutboundMail(
                        server: server, sender: from.address, recipients: draft.to.map(\.address),
                        content: message.bytes, totalTimeout: timeout
                    )
                )
            case .resend(let url, let key):
                return ResendCall.outcome(
                    await http.send(
                        ResendCall.request(draft, rendered, from: from, id: id, url: url, key: key, timeout: timeout)
                    )
                )
            }
        } catch {
            return .failure(error)
        }
    }

    /// Ends the transfers to mail servers with `.shutdown`; later mails get `.shutdown` too.
    func shutdown() async {
        await smtp.shutdown()
    }

    /// The time as in the header Date.
    private static func now() -> String {
        DateText.now().replacing("GMT", with: "+0000")
    }
}

extension MailTransport: Service {
    /// Lives until the group shuts down, as `HTTPTransport.run`.
    func run() async throws {
        try? await gracefulShutdown()
        await shutdown()
    }
}
