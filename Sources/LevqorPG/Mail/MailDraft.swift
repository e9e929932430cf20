/// A mail as SQL wrote it: to whom, from which templates, with which data.
struct MailDraft: Sendable {
    /// nil: the sender of the settings.
    let from: MailAddress?
    let to: [MailAddress]
    let replyTo: MailAddress?
    let templates: MailTemplates
    let data: JSONValue
    /// `transactional`, or the name of a marketing category.
    let messageClass: String
    /// What stands before the at sign of the Message-ID; nil: the message's id.
    let messageID: String?
    /// As in the header Date; nil: none was given.
    let date: String?
    /// A URL that takes the receiver off the list.
    let listUnsubscribe: String?
    let attachments: [MailAttachment]

    init(_ json: JSONValue) throws(OutboundFailure) {
        from = try Self.address(json["from"], "from")
        replyTo = try Self.address(json["reply_to"], "reply_to")
        var to: [MailAddress] = []
        for element in json["to"]?.array ?? [] {
            if let address = try Self.address(element, "to") { to.append(address) }
        }
        guard !to.isEmpty else { throw OutboundFailure(.invalidRequest, "the mail has no recipient") }
        self.to = to
        templates = try MailTemplates(json)
        data = json["data"] ?? .null
        messageClass = json["class"]?.string ?? "transactional"
        messageID = try Self.token(json["message_id"], "message_id")
        date = try Self.line(json["date"], "date", " ")
        listUnsubscribe = try Self.line(json["list_unsubscribe"], "list_unsubscribe")
        var attachments: [MailAttachment] = []
        for element in json["attachments"]?.array ?? [] { attachments.append(try MailAttachment(element)) }
        self.attachments = attachments
    }

    private static func address(_ json: JSONValue?, _ name: String) throws(OutboundFailure) -> MailAddress? {
        guard let text = json?.string else { return nil }
        guard let address = MailAddress(text) else {
            throw OutboundFailure(.invalidRequest, "\"\(name)\" holds what is no address")
        }
        return address
    }

    private static func token(_ json: JSONValue?, _ name: String) throws(OutboundFailure) -> String? {
        guard let text = json?.string else { return nil }
        guard (1...200).contains(text.utf8.count),
            text.utf8.allSatisfy({ byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "_"), UInt8(ascii: "-"): true
                default: false
                }
            })
        else {
            throw OutboundFailure(.invalidRequest, "\"\(name)\" holds other characters than letters, digits, _ and -")
        }
        return text
    }

    /// Printable ASCII without what would end a bracket; for header fields.
    private static func line(_ json: JSONValue?, _ name: String, _ also: String = "") throws(OutboundFailure) -> String?
    {
        guard let text = json?.string else { return nil }
        guard (1...900).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != 0x3c && $0 != 0x3e || also.utf8.contains($0) })
        else {
            throw OutboundFailure(.invalidRequest, "\"\(name)\" can not stand in a header field")
        }
        return text
    }
}
