/// Where mails are handed over by SMTP, and how.
struct MailServer: Sendable, Equatable {
    enum Security: Sendable {
        /// TLS from the first byte (smtps).
        case tls
        /// STARTTLS before anything else; a server that does not offer it gets no mail.
        case startTLS
        /// Nothing is encrypted.
        case plain
    }

    struct Login: Sendable, Equatable {
        var user: String
        var password: HiddenText
    }

    var host: String
    var port: Int
    var security: Security
    /// nil: the server takes mail without a login.
    var login: Login?
    /// What we call ourselves in EHLO; nil: the machine's name.
    var greeting: String?

    /// The URL in libcurl's notation, whose path is the name in EHLO. Without the login.
    var url: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return "\(security == .tls ? "smtps" : "smtp")://\(name):\(port)/\(greeting ?? "")"
    }
}
