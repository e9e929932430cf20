/// One mail to hand over by SMTP, with everything decided: to which server, from and to whom, and the exact bytes.
///
/// The server's address is the operator's own setting, so the address guard has no say.
struct OutboundMail: Sendable {
    var server: MailServer
    /// The envelope's sender, in ASCII, without angle brackets; where bounces go.
    var sender: String
    /// The envelope's recipients, in ASCII, without angle brackets. One that is refused refuses the mail for all.
    var recipients: [String]
    /// Head and body with CRLF line ends. Dots at the start of lines are doubled on the way.
    var content: [UInt8]
    /// Bounds name lookup, TCP and TLS together.
    var connectTimeout: Duration = .seconds(10)
    /// Bounds everything from the call of `send` on, waiting for a free place included.
    var totalTimeout: Duration

    /// The first rule that the mail breaks, or nil when it may be sent. Addresses are not repeated in the message.
    func brokenRule() -> OutboundFailure? {
        guard !recipients.isEmpty else {
            return OutboundFailure(.invalidRequest, "the mail has no recipient")
        }
        for address in [sender] + recipients {
            // What would end the command, or the path inside it.
            guard !address.isEmpty, address.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != 0x3c && $0 != 0x3e })
            else {
                return OutboundFailure(.invalidRequest, "an address of the mail's envelope is not in printable ASCII")
            }
        }
        return nil
    }
}
