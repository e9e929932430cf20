/// A file that goes with a mail.
struct MailAttachment: Sendable {
    let name: String
    /// Such as `application/pdf`.
    let contentType: String
    let content: [UInt8]

    /// Reads {"name", "content_type", "content": Base64}.
    init(_ json: JSONValue) throws(OutboundFailure) {
        guard let name = json["name"]?.string, !name.isEmpty, HeaderText.isOneLine(name) else {
            throw OutboundFailure(.invalidRequest, "the name of an attachment is missing, or holds control characters")
        }
        let type = json["content_type"]?.string ?? "application/octet-stream"
        guard Self.isMediaType(type) else {
            throw OutboundFailure(.invalidRequest, "the content_type of an attachment is no media type")
        }
        guard let content = json["content"]?.string.flatMap(Base64.decode) else {
            throw OutboundFailure(.invalidRequest, "the content of an attachment is no Base64")
        }
        self.name = name
        contentType = type
        self.content = content
    }

    private static func isMediaType(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2
            && parts.allSatisfy { part in
                (1...127).contains(part.utf8.count)
                    && part.utf8.allSatisfy { byte in
                        switch byte {
                        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
                        default: "!#$&-^_.+".utf8.contains(byte)
                        }
                    }
            }
            // A mail in a mail or a part of parts would need another encoding.
            && parts[0].lowercased() != "multipart" && parts[0].lowercased() != "message"
    }
}
