import Testing

@testable import LevqorPG

@Suite("Templates of mails")
struct MailTemplatesTests {
    private func render(_ changes: [String: JSONValue]) throws -> RenderedMail {
        let draft = try MailDraft(draftJSON(changes))
        return draft.templates.render(draft.data)
    }

    @Test("values are escaped in the HTML and nowhere else")
    func escaping() throws {
        let mail = try render(["data": .object([("name", .string("<b>\"A\" & 'B'</b>"))])])
        #expect(mail.subject == "Hello <b>\"A\" & 'B'</b>")
        #expect(mail.text == "Hello <b>\"A\" & 'B'</b>\n")
        #expect(mail.html == "<p>Hello &lt;b&gt;&quot;A&quot; &amp; &#39;B&#39;&lt;/b&gt;</p>\n")
    }

    @Test("a value is never read as a template")
    func valuesAreNoTemplates() throws {
        let mail = try render(["data": .object([("name", .string("{{secret}}")), ("secret", .string("s"))])])
        #expect(mail.text == "Hello {{secret}}\n")
    }

    @Test("the layout is put around both parts, each escaped in its own way")
    func layout() throws {
        let layout = JSONValue.object([
            ("text", .string("{{$content}}{{/content}}-- \n{{name}}\n")),
            ("html", .string("<main>{{$content}}{{/content}}</main><footer>{{name}}</footer>")),
        ])
        let mail = try render([
            "partials": .object([("layout", layout)]),
            "data": .object([("name", .string("A & B"))]),
            "text_template": .string("{{<layout}}{{$content}}{{name}} & co\n{{/content}}{{/layout}}"),
            "html_template": .string("{{<layout}}{{$content}}<p>{{name}} &amp; co</p>{{/content}}{{/layout}}"),
        ])
        #expect(mail.text == "A & B & co\n-- \nA & B\n")
        #expect(mail.html == "<main><p>A &amp; B &amp; co</p></main><footer>A &amp; B</footer>")
    }

    @Test("numbers, truths, lists and nulls are what they are in JSON")
    func values() throws {
        let data = try JSONParser.parse(
            #"{"n": 5, "d": 0.10, "big": 123456789012345678901234567890, "yes": true, "no": false, "none": null, "#
                + #""list": [{"a": 1}, {"a": 2}], "empty": []}"#)
        let template = "{{n}} {{d}} {{big}} {{#yes}}y{{/yes}}{{#no}}n{{/no}}{{#none}}x{{/none}}{{^none}}-{{/none}}"
        let mail = try render([
            "data": data,
            "text_template": .string(template + " {{#list}}[{{a}}]{{/list}}{{^empty}}none{{/empty}}{{missing}}"),
        ])
        #expect(mail.text == "5 0.10 123456789012345678901234567890 y- [1][2]none")
    }

    @Test("a template that is no Mustache fails the mail and says which one it is")
    func broken() {
        #expect(throws: OutboundFailure.self) { try render(["text_template": .string("{{#a}}")]) }
        do {
            _ = try render(["html_template": .string("{{#a}}")])
        } catch {
            #expect("\(error)".hasPrefix("invalid_request: the template of the HTML is no Mustache"))
        }
    }

    @Test("what can not go into a header fails the mail")
    func headers() {
        for change in [
            ["list_unsubscribe": JSONValue.string("https://a.de/>\r\nBcc: x")], ["message_id": .string("a@b")],
            ["date": .string("now\r\n")], ["from": .string("nobody")], ["reply_to": .string("a@b.de\r\nBcc: x")],
            ["to": .array([])],
            ["attachments": .array([.object([("name", .string("a\r\nb")), ("content", .string(""))])])],
            ["attachments": .array([.object([("name", .string("a")), ("content", .string("%"))])])],
            [
                "attachments": .array([
                    .object([("name", .string("a")), ("content", .string("")), ("content_type", .string("a/b; c=d"))])
                ])
            ],
        ] {
            #expect(throws: OutboundFailure.self, "\(change)") { try mimeText(change) }
        }
    }

    @Test("the name of a file may hold any spaces")
    func spaces() throws {
        let file = JSONValue.object([("name", .string(" a  b.csv")), ("content", .string(""))])
        #expect(try mimeText(["attachments": .array([file])]).contains("a  b.csv"))
    }

    @Test("the same mail has the same bytes in every attempt")
    func stable() throws {
        let changes = ["date": JSONValue.string("Sat, 01 Feb 2031 10:00:00 +0000"), "message_id": .string("mail_1")]
        #expect(try mimeText(changes) == mimeText(changes))
        #expect(try mimeText(changes).contains("\r\nMessage-ID: <mail_1@example.com>\r\n"))
        #expect(try mimeText().contains("\r\nMessage-ID: <msg_1@example.com>\r\n"))
    }

    @Test("one-click unsubscribing is offered over https only")
    func unsubscribe() throws {
        #expect(try !mimeText().contains("List-Unsubscribe"))
        let plain = try mimeText(["list_unsubscribe": .string("mailto:off@example.com")])
        #expect(plain.contains("\r\nList-Unsubscribe: <mailto:off@example.com>\r\n") && !plain.contains("One-Click"))
        let click = try mimeText(["list_unsubscribe": .string("https://example.com/u/1")])
        #expect(click.contains("\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"))
    }
}
