/// One mail as a call of Resend's HTTP API, and what its answers mean.
enum ResendCall {
    static func request(
        _ draft: MailDraft, _ rendered: RenderedMail, from: MailAddress, id: String, url: String, key: HiddenText,
        timeout: Duration
    ) -> OutboundRequest {
        let headers = MIMEMessage.listHeaders(draft).map { ($0.name, JSONValue?.some(.string($0.value))) }
        let body = JSONValue.object([
            ("from", .string(from.text)),
            ("to", .array(draft.to.map { .string($0.text) })),
            ("subject", .string(rendered.subject)),
            ("html", rendered.html.map(JSONValue.string)),
            ("text", .string(rendered.text)),
            ("reply_to", draft.replyTo.map { .string($0.text) }),
            ("headers", headers.isEmpty ? nil : .object(headers)),
            ("attachments", draft.attachments.isEmpty ? nil : .array(draft.attachments.map(attachment))),
            ("tags", .array([.object([("name", .string("class")), ("value", .string(draft.messageClass))])])),
        ])
        return OutboundRequest(
            id: id, method: "POST", url: url + "/emails",
            headers: [
                ("Authorization", "Bearer \(key.revealed)"), ("Content-Type", "application/json"),
                ("Accept", "application/json"), ("Idempotency-Key", id),
            ],
            body: JSONText.encode(body), totalTimeout: timeout
        )
    }

    private static func attachment(_ attachment: MailAttachment) -> JSONValue {
        .object([
            ("filename", .string(attachment.name)), ("content", .string(Base64.encode(attachment.content))),
            ("content_type", .string(attachment.contentType)),
        ])
    }

    /// The outcome in the terms of SMTP, which the outbox decides by: 250 done, 4xx later, 5xx never.
    static func outcome(_ outcome: OutboundOutcome) -> OutboundOutcome {
        guard case .response(var response) = outcome else { return outcome }
        let status = response.status
        let text = "HTTP \(status): " + String(decoding: response.body.prefix(2000), as: UTF8.self)
        switch status {
        case 200...299:
            response.status = 250
        case 401, 403:
            return .failure(OutboundFailure(.notConfigured, oneLine: "Resend refuses the key or the sender: \(text)"))
        case 408, 409, 425, 429, 500...:
            response.status = 451
        default:
            response.status = 554
        }
        response.body = Array(text.utf8)
        return .response(response)
    }
}
