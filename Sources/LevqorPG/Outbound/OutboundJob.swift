/// What the transfer thread is asked to do: one of the things that libcurl sends for us.
enum OutboundJob: Sendable {
    case request(OutboundRequest)
    case mail(OutboundMail)

    var totalTimeout: Duration {
        switch self {
        case .request(let request): request.totalTimeout
        case .mail(let mail): mail.totalTimeout
        }
    }

    /// The first rule that it breaks, or nil when it may be sent.
    func brokenRule() -> OutboundFailure? {
        switch self {
        case .request(let request): request.brokenRule()
        case .mail(let mail): mail.brokenRule()
        }
    }

    /// Makes its transfer ready to be added to a multi handle. On the transfer thread.
    func prepare(
        timeLeft: Duration,
        configuration: HTTPTransport.Configuration,
        mailSockets: OpenSockets
    ) -> Result<any CurlTransfer, OutboundFailure> {
        switch self {
        case .request(let request):
            Transfer.prepare(request, timeLeft: timeLeft, configuration: configuration).map { $0 }
        case .mail(let mail):
            MailTransfer.prepare(mail, timeLeft: timeLeft, configuration: configuration, sockets: mailSockets)
                .map { $0 }
        }
    }
}
