import Testing

@testable import LevqorPG

/// A mail as SQL writes it, with what a test changes.
func draftJSON(_ changes: [String: JSONValue] = [:]) -> JSONValue {
    var members: [(String, JSONValue?)] = [
        ("to", .array([.string("ann@example.org")])),
        ("subject_template", .string("Hello {{name}}")),
        ("text_template", .string("Hello {{name}}\n")),
        ("html_template", .string("<p>Hello {{name}}</p>\n")),
        ("data", .object([("name", .string("Ann"))])),
        ("class", .string("transactional")),
    ]
    members.removeAll { changes[$0.0] != nil }
    members += changes.map { ($0.key, $0.value) }
    return .object(members)
}

/// The bytes of a mail, as text.
func mimeText(_ changes: [String: JSONValue] = [:]) throws -> String {
    let draft = try MailDraft(draftJSON(changes))
    let from = try #require(MailAddress("Levqor <noreply@example.com>"))
    let message = MIMEMessage(
        draft, draft.templates.render(draft.data), from: from, id: "msg_1", date: "Sat, 01 Feb 2031 10:00:00 +0000")
    return String(decoding: message.bytes, as: UTF8.self)
}
