import CLibCurl

/// One mail on its way by SMTP: the sole owner of an easy handle and of all that must live as long as it does.
///
/// The outcome's status is the server's reply code, its body the reply's text. A refusal names the command that was
/// refused in the header `smtp-command`: MAIL, RCPT or DATA.
final class MailTransfer: CurlTransfer {
    private static let goodbyeSeconds = 2

    let handle: UnsafeMutableRawPointer
    private let mail: OutboundMail
    private let sockets: OpenSockets
    private let errorText: UnsafeMutablePointer<CChar>
    private var recipientList: UnsafeMutablePointer<curl_slist>?

    private var replies = SMTPReplies()
    private var sent = 0

    /// Makes a transfer ready to be added to a multi handle.
    static func prepare(
        _ mail: OutboundMail,
        timeLeft: Duration,
        configuration: HTTPTransport.Configuration,
        sockets: OpenSockets
    ) -> Result<MailTransfer, OutboundFailure> {
        guard let transfer = MailTransfer(mail, sockets) else {
            return .failure(OutboundFailure(.internal, "no memory for a transfer"))
        }
        return Result { () throws(OutboundFailure) in
            try transfer.setUpServer(configuration)
            try transfer.setUpCallbacks()
            try transfer.setUpEnvelope()
            // Zero would be libcurl's own default.
            let connect = max(1, min(mail.connectTimeout, timeLeft).wholeMilliseconds)
            let total = max(1, timeLeft.wholeMilliseconds)
            try check(levqor_curl_limit_time(transfer.handle, connect, total))
            try check(levqor_curl_limit_reply_time(transfer.handle, max(1, total / 1000)))
            return transfer
        }
    }

    private init?(_ mail: OutboundMail, _ sockets: OpenSockets) {
        guard let handle = curl_easy_init() else { return nil }
        self.handle = handle
        self.mail = mail
        self.sockets = sockets
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(recipientList)
        errorText.deallocate()
    }

    // MARK: - Before

    private static func check(_ code: CURLcode) throws(OutboundFailure) {
        guard code == CURLE_OK else {
            throw OutboundFailure(.internal, "libcurl refused an option: \(String(cString: curl_easy_strerror(code)))")
        }
    }

    private func setUpServer(_ configuration: HTTPTransport.Configuration) throws(OutboundFailure) {
        try Self.check(levqor_curl_speak_mail_only(handle))
        try Self.check(levqor_curl_use_mail_url(handle, mail.server.url))
        try Self.check(levqor_curl_use_no_proxy(handle))
        try Self.check(levqor_curl_ignore_netrc(handle))
        try Self.check(levqor_curl_use_no_signals(handle))
        try Self.check(levqor_curl_never_wait_for_resolver(handle))
        try Self.check(levqor_curl_verify_tls(handle))
        if let file = configuration.certificateAuthorityFile {
            try Self.check(levqor_curl_trust_only(handle, file))
        }
        try Self.check(
            mail.server.security == .plain ? levqor_curl_use_no_tls(handle) : levqor_curl_require_tls(handle)
        )
        if let login = mail.server.login {
            try Self.check(levqor_curl_log_in(handle, login.user, login.password.revealed))
        }
    }

    private func setUpCallbacks() throws(OutboundFailure) {
        // Unretained: libcurl calls back only between adding and removing the handle, while the loop holds this object.
        let context = Unmanaged.passUnretained(self).toOpaque()
        let reply: levqor_curl_data_callback = { data, size, count, context in
            guard let context else { return 0 }
            let line = UnsafeRawBufferPointer(start: data, count: size * count)
            Unmanaged<MailTransfer>.fromOpaque(context).takeUnretainedValue().receive(line)
            return line.count
        }
        // A mail server sends nothing but replies; libcurl repeats some of them here, and would print them.
        let ignore: levqor_curl_data_callback = { _, size, count, _ in size * count }
        let read: levqor_curl_data_callback = { data, size, count, context in
            guard let context else { return 0 }
            let room = UnsafeMutableRawBufferPointer(start: data, count: size * count)
            return Unmanaged<MailTransfer>.fromOpaque(context).takeUnretainedValue().fill(room)
        }
        try Self.check(levqor_curl_explain_errors_in(handle, errorText))
        try Self.check(sockets.watch(handle))
        try Self.check(levqor_curl_receive_headers(handle, reply, context))
        try Self.check(levqor_curl_receive_body(handle, ignore, context))
        try Self.check(levqor_curl_upload(handle, mail.content.count, read, context))
    }

    private func setUpEnvelope() throws(OutboundFailure) {
        try Self.check(levqor_curl_send_mail_from(handle, "<\(mail.sender)>"))
        for recipient in mail.recipients {
            guard let longer = curl_slist_append(recipientList, "<\(recipient)>") else {
                throw OutboundFailure(.internal, "no memory for the recipients")
            }
            recipientList = longer
        }
        if let recipientList {
            try Self.check(levqor_curl_send_mail_to(handle, recipientList))
        }
    }

    // MARK: - During

    private func receive(_ line: UnsafeRawBufferPointer) {
        replies.take(line)
        guard let code = replies.lastCode else { return }
        // After the last reply that counts there is only the goodbye, and the whole thread waits for its answer. What is
        // refused before the server's first 250 may be asked in another way.
        let isDecided = sent > 0 || (code >= 400 && !replies.text(of: 250).isEmpty)
        if isDecided { _ = levqor_curl_limit_reply_time(handle, Self.goodbyeSeconds) }
    }

    private func fill(_ room: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(room.count, mail.content.count - sent)
        mail.content.withUnsafeBytes { content in
            room.copyMemory(from: UnsafeRawBufferPointer(rebasing: content[sent..<sent + count]))
        }
        sent += count
        return count
    }

    // MARK: - After

    /// Once content is on its way, taking the transfer away would make libcurl write the end of the content: the server would
    /// take the part for the whole. Connections of other mails of this thread are cut off too; they are tried again.
    func breakOff() {
        if sent > 0 { sockets.cutOff() }
    }

    func outcome(of code: CURLcode) -> OutboundOutcome {
        let status = levqor_curl_status(handle)
        let reply = replies.text(of: status)
        if code == CURLE_OK {
            return .response(response(status, reply, refused: nil))
        }
        let own = String(cString: errorText)
        let explained = own.isEmpty ? String(cString: curl_easy_strerror(code)) : own
        guard (400...599).contains(status) else {
            return .failure(OutboundFailure(code, explained))
        }
        if code == CURLE_LOGIN_DENIED {
            return .failure(OutboundFailure(.notConfigured, oneLine: "the mail server refuses the login: \(reply)"))
        }
        if code == CURLE_USE_SSL_FAILED {
            return .failure(OutboundFailure(code, "\(explained) (\(reply))"))
        }
        // libcurl's own words are the one place that tells which command was answered.
        let named = ["MAIL", "RCPT", "DATA"].first { explained.hasPrefix("\($0) failed") }
        guard let command = named ?? (sent > 0 ? "DATA" : nil) else {
            // Nothing was asked for yet: it is about us and this moment, not about the mail.
            return .failure(OutboundFailure(.connect, oneLine: "the mail server turns us away: \(reply)"))
        }
        return .response(response(status, reply, refused: command))
    }

    private func response(_ status: Int, _ reply: String, refused command: String?) -> OutboundResponse {
        OutboundResponse(
            status: status,
            headers: command.map { [.init(name: "smtp-command", value: $0)] } ?? [],
            body: Array(reply.utf8),
            truncated: false,
            timing: OutboundTiming(of: handle),
            remoteAddress: OutboundResponse.remoteAddress(of: handle)
        )
    }
}
