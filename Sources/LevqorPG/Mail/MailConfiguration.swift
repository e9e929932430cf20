import Foundation

/// How mails leave, read from the environment.
struct MailConfiguration: Sendable {
    /// What is wrong with a variable, and what it should be. Never repeats a value: it may be a secret.
    struct InvalidSetting: Error {
        let name: String
        let reason: String
    }

    enum Route: Sendable {
        /// Mails wait.
        case none
        case smtp(MailServer)
        /// Resend's HTTP API under a base URL.
        case resend(url: String, key: HiddenText)
    }

    let route: Route
    /// Stands in From where a mail names no other sender; there is one unless the route is none.
    let sender: MailAddress?

    init(environment variables: [String: String]) throws(InvalidSetting) {
        func text(_ name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }
        guard let url = text("LEVQOR_MAIL_URL") else {
            route = .none
            sender = nil
            return
        }
        guard let sender = MailAddress(text("LEVQOR_MAIL_FROM") ?? "") else {
            throw InvalidSetting(
                name: "LEVQOR_MAIL_FROM", reason: "must be an address, such as: Levqor <noreply@example.com>")
        }
        self.sender = sender
        if url == "resend:" {
            guard let key = text("LEVQOR_RESEND_KEY"), key.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
                throw InvalidSetting(
                    name: "LEVQOR_RESEND_KEY", reason: "must be Resend's API key, which LEVQOR_MAIL_URL=resend: needs")
            }
            let base = text("LEVQOR_RESEND_URL") ?? "https://api.resend.com"
            guard base.hasPrefix("https://") || base.hasPrefix("http://") else {
                throw InvalidSetting(name: "LEVQOR_RESEND_URL", reason: "must be an http or https URL")
            }
            route = .resend(url: String(base.reversed().drop { $0 == "/" }.reversed()), key: HiddenText(key))
            return
        }
        let password = text("LEVQOR_MAIL_PASSWORD")
        route = .smtp(try Self.server(url, password: password, tls: text("LEVQOR_MAIL_TLS") ?? "required"))
    }

    private static func server(_ url: String, password: String?, tls: String) throws(InvalidSetting) -> MailServer {
        func invalid(_ reason: String, _ name: String = "LEVQOR_MAIL_URL") -> InvalidSetting {
            InvalidSetting(name: name, reason: reason)
        }
        guard let parts = URLComponents(string: url), let scheme = parts.scheme, ["smtp", "smtps"].contains(scheme),
            var host = parts.host, !host.isEmpty, parts.query == nil, parts.fragment == nil
        else {
            throw invalid("must be smtp://[USER@]HOST[:PORT][/NAME], smtps://… or resend:")
        }
        host = host.trimmingCharacters(in: ["[", "]"])
        guard host.utf8.allSatisfy({ (0x21...0x7e).contains($0) && !"/?#@\\".utf8.contains($0) }) else {
            throw invalid("must name the host in ASCII (xn--… for a name in another script)")
        }
        guard parts.password == nil else { throw invalid("must hold no password; it goes into LEVQOR_MAIL_PASSWORD") }
        let greeting = String(parts.path.dropFirst())
        guard greeting.isEmpty || HostnameFormat.isHostname(greeting) else {
            throw invalid("may end with /NAME, a host name to greet with, and with nothing else")
        }
        var login: MailServer.Login?
        if let user = parts.user, !user.isEmpty {
            guard let password else {
                throw invalid("must be set for the user in LEVQOR_MAIL_URL", "LEVQOR_MAIL_PASSWORD")
            }
            login = .init(user: user, password: HiddenText(password))
        }
        let security: MailServer.Security
        switch (tls, scheme) {
        case ("required", "smtps"): security = .tls
        case ("required", _): security = .startTLS
        case ("off", "smtp") where login == nil || isLoopback(host): security = .plain
        case ("off", "smtp"):
            throw invalid("may be off with a user on this machine only: the password is readable", "LEVQOR_MAIL_TLS")
        case ("off", _): throw invalid("can not be off with smtps://", "LEVQOR_MAIL_TLS")
        default: throw invalid("must be required or off", "LEVQOR_MAIL_TLS")
        }
        let port = parts.port ?? (security == .tls ? 465 : 587)
        guard (1...65535).contains(port) else { throw invalid("must have a port from 1 to 65535") }
        return MailServer(
            host: host, port: port, security: security, login: login, greeting: greeting.isEmpty ? nil : greeting)
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." }
    }
}
