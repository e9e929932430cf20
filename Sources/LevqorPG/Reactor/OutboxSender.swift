/// Sends one claimed message by the transport of its kind: signs what is to be signed, and gives exactly one outcome.
struct OutboxSender: Sendable {
    /// Signs a request by a specification that names a credential, as of a time in Unix seconds.
    typealias Sign =
        @Sendable (_ request: OutboundRequest, _ specification: JSONValue, _ time: Int) async -> Result<
            OutboundRequest, OutboundFailure
        >
    /// Hands over a mail under an id that is the same in every attempt.
    typealias Mail = @Sendable (_ mail: JSONValue, _ id: String, _ timeout: Duration) async -> OutboundOutcome

    let transport: HTTPTransport
    let masterKey: MasterKey
    /// Nil: there is no signer, and what asks for one is tried again later.
    let sign: Sign?
    /// Nil: there is no transport for mails, and they are tried again later.
    let mail: Mail?

    /// - Parameter time: the time of this attempt.
    func send(_ message: OutboxMessage, at time: WallClock) async -> OutboundOutcome {
        switch message.content {
        case .mail(let content):
            guard let mail else { return .failure(OutboundFailure(.notConfigured, "this server sends no mail")) }
            return await mail(content, message.messageID, message.timeout)
        case .request:
            switch message.request(signedWith: masterKey, at: time.seconds) {
            case .failure(let failure): return .failure(failure)
            case .success(let request): return await send(request, of: message, at: time)
            }
        }
    }

    private func send(
        _ request: OutboundRequest, of message: OutboxMessage, at time: WallClock
    ) async -> OutboundOutcome {
        guard let signer = message.signer else { return await transport.send(request) }
        guard let sign else { return .failure(OutboundFailure(.notConfigured, "this server has no signer")) }
        switch await sign(request, signer, time.seconds) {
        case .failure(let failure): return .failure(failure)
        case .success(let signed): return await transport.send(signed)
        }
    }
}
