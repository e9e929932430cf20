/// Writes a mail's bytes (RFC 5322, 2045 to 2047, 2231), ready for a mail server: CRLF line ends, ASCII, short lines.
struct MIMEMessage {
    private let boundaryID: String
    private(set) var bytes: [UInt8] = []

    /// - Parameters:
    ///   - id: The message's id; with it the same mail always gives the same Message-ID and boundaries.
    ///   - date: For the header Date when the draft has none.
    init(_ draft: MailDraft, _ rendered: RenderedMail, from: MailAddress, id: String, date: String) {
        let local = draft.messageID ?? id
        boundaryID = local
        write(HeaderText.field("Date", [draft.date ?? date]))
        write(HeaderText.field("From", addresses: [from]))
        write(HeaderText.field("To", addresses: draft.to))
        if let replyTo = draft.replyTo { write(HeaderText.field("Reply-To", addresses: [replyTo])) }
        write(HeaderText.field("Subject", freeText: rendered.subject))
        write(HeaderText.field("Message-ID", ["<\(local)@\(from.domain)>"]))
        for (name, value) in Self.listHeaders(draft) { write(HeaderText.field(name, [value])) }
        // No holiday answers, please (RFC 3834).
        write("Auto-Submitted: auto-generated\r\n")
        write("MIME-Version: 1.0\r\n")
        if draft.attachments.isEmpty {
            writeBody(rendered)
            return
        }
        writeParts("mixed") { message in
            [{ message in message.writeBody(rendered) }]
                + draft.attachments.map { attachment in { message in message.write(attachment) } }
        }
    }

    /// What a mail program needs for its own unsubscribe button (RFC 2369, RFC 8058).
    static func listHeaders(_ draft: MailDraft) -> [(name: String, value: String)] {
        guard let url = draft.listUnsubscribe else { return [] }
        let list = [(name: "List-Unsubscribe", value: "<\(url)>")]
        return url.hasPrefix("https://")
            ? list + [(name: "List-Unsubscribe-Post", value: "List-Unsubscribe=One-Click")] : list
    }

    private mutating func write(_ text: String) {
        bytes += Array(text.utf8)
    }

    private mutating func writeBody(_ rendered: RenderedMail) {
        guard let html = rendered.html else {
            writeText("plain", rendered.text)
            return
        }
        // The best form comes last.
        writeParts("alternative") { _ in
            [{ $0.writeText("plain", rendered.text) }, { $0.writeText("html", html) }]
        }
    }

    private mutating func writeText(_ subtype: String, _ text: String) {
        write("Content-Type: text/\(subtype); charset=utf-8\r\n")
        write("Content-Transfer-Encoding: quoted-printable\r\n\r\n")
        bytes += QuotedPrintable.encode(text)
    }

    private mutating func write(_ attachment: MailAttachment) {
        write(HeaderText.field("Content-Type", [attachment.contentType]))
        write("Content-Transfer-Encoding: base64\r\n")
        let name = MIMEParameter.words("filename", attachment.name)
        write(HeaderText.field("Content-Disposition", ["attachment;"] + name))
        write("\r\n")
        bytes += Base64.lines(attachment.content)
    }

    /// Neither quoted-printable nor Base64 can hold `=_`, so no part can hold its boundary.
    private mutating func writeParts(_ subtype: String, _ parts: (Self) -> [(inout Self) -> Void]) {
        let boundary = "=_\(subtype)_\(boundaryID.suffix(40))"
        write(HeaderText.field("Content-Type", ["multipart/\(subtype);", "boundary=\"\(boundary)\""]))
        write("\r\n")
        for part in parts(self) {
            write("--\(boundary)\r\n")
            part(&self)
            // The line end before a boundary belongs to the boundary.
            write("\r\n")
        }
        write("--\(boundary)--\r\n")
    }
}
