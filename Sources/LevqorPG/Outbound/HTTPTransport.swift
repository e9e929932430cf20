import Foundation

/// Sends HTTP requests to the outside world: many at once, on one thread of its own, and never to an address that the
/// guard refuses. It hands over mails by SMTP in the same way, to the server that the operator names.
///
/// libcurl does the work. The thread starts with the first request and ends with `shutdown()`, or when the transport is
/// released. The environment (proxies, .netrc) has no say.
final class HTTPTransport: Sendable {
    /// What holds for all requests of one transport.
    struct Configuration: Sendable {
        /// Sent where the request's headers name none.
        var userAgent: String
        var addressGuard: AddressGuard
        /// A PEM file of the authorities to trust INSTEAD of the system's; nil trusts the system's.
        var certificateAuthorityFile: String?
        /// Transfers under way at once; further ones wait for a place, oldest first.
        var maxConcurrent: Int
        /// Connections kept open for re-use.
        var maxIdleConnections: Int

        init(
            userAgent: String,
            addressGuard: AddressGuard = AddressGuard(),
            certificateAuthorityFile: String? = nil,
            maxConcurrent: Int = 256,
            maxIdleConnections: Int = 64
        ) {
            self.userAgent = userAgent
            self.addressGuard = addressGuard
            self.certificateAuthorityFile = certificateAuthorityFile
            self.maxConcurrent = max(1, maxConcurrent)
            self.maxIdleConnections = max(1, maxIdleConnections)
        }
    }

    private let configuration: Configuration
    private let mailbox = TransportMailbox()

    init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    deinit {
        mailbox.stop()
    }

    /// Sends one request and waits for its end. Never throws, always gives exactly one outcome.
    ///
    /// Cancelling the task removes the transfer: once `.cancelled` is returned, no further byte is sent.
    func send(_ request: OutboundRequest) async -> OutboundOutcome {
        await send(.request(request))
    }

    /// Hands over one mail; as for a request.
    func send(_ mail: OutboundMail) async -> OutboundOutcome {
        await send(.mail(mail))
    }

    private func send(_ job: OutboundJob) async -> OutboundOutcome {
        if let broken = job.brokenRule() {
            return .failure(broken)
        }
        let ticket = mailbox.announce()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if mailbox.submit(job, as: ticket, continuation) {
                    startThread()
                }
            }
        } onCancel: {
            mailbox.cancel(ticket)
        }
    }

    /// Ends all transfers with `.shutdown` and returns when the thread has ended. Later requests get `.shutdown` too.
    func shutdown() async {
        await withCheckedContinuation { mailbox.stop($0) }
    }

    private func startThread() {
        let thread = Thread { [configuration, mailbox] in
            TransferLoop(configuration: configuration, mailbox: mailbox).run()
        }
        thread.name = "levqor-outbound"
        thread.start()
    }
}
