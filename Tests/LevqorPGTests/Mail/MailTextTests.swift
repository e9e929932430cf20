import Testing

@testable import LevqorPG

@Suite("Texts in mails")
struct MailTextTests {
    private func quoted(_ text: String) -> String { String(decoding: QuotedPrintable.encode(text), as: UTF8.self) }

    @Test("a subject can not add a header, whatever breaks its line")
    func injection() {
        for end in ["\r\n", "\n", "\r", "\u{2028}", "\u{85}", "\u{b}", "\0"] {
            let field = HeaderText.field("Subject", freeText: "Hello\(end)Bcc: x@example.com")
            #expect(field == "Subject: Hello Bcc: x@example.com\r\n")
        }
    }

    @Test("a long field is folded between words, and no line is empty")
    func folding() {
        let field = HeaderText.field("Subject", freeText: Array(repeating: "word", count: 60).joined(separator: " "))
        let lines = field.split(separator: "\r\n")
        #expect(lines.count > 3)
        #expect(lines.allSatisfy { $0.utf8.count <= 76 })
        #expect(lines.dropFirst().allSatisfy { $0.hasPrefix(" word") })
    }

    @Test("encoded words stay short and cut no character in two")
    func encodedWords() {
        let text = String(repeating: "日本語😀ü", count: 40)
        let words = HeaderText.encodedWords(text)
        #expect(words.allSatisfy { $0.utf8.count <= 75 })
        let decoded = words.map { word in
            String(decoding: Base64.decode(String(word.dropFirst(10).dropLast(2))) ?? [], as: UTF8.self)
        }
        #expect(decoded.joined() == text)
        #expect(decoded.allSatisfy { !$0.contains("\u{FFFD}") })
    }

    @Test("quoted-printable has short lines of ASCII with CRLF line ends")
    func quotedPrintable() {
        #expect(quoted("ä=b\n") == "=C3=A4=3Db\r\n")
        #expect(quoted("a\rb\r\nc") == "a\r\nb\r\nc\r\n")
        #expect(quoted("a \nb\t\n") == "a=20\r\nb=09\r\n")
        #expect(quoted("") == "")
        let long = quoted(String(repeating: "x", count: 77) + "\n" + String(repeating: "y", count: 76) + "\n")
        #expect(long == String(repeating: "x", count: 75) + "=\r\nxx\r\n" + String(repeating: "y", count: 76) + "\r\n")
    }

    @Test("no line starts with a dot or with From, also not behind a soft break")
    func lineStarts() {
        #expect(quoted(".\n..\nFrom me\nFromage\n") == "=2E\r\n=2E.\r\n=46rom me\r\nFromage\r\n")
        let text = quoted(String(repeating: ".", count: 300))
        #expect(text.split(separator: "\r\n").allSatisfy { !$0.hasPrefix(".") && $0.utf8.count <= 76 })
        let decoded = text.replacing("=\r\n", with: "").replacing("=2E", with: ".")
        #expect(decoded == String(repeating: ".", count: 300) + "\r\n")
    }

    @Test("a parameter of any script and length is split by RFC 2231")
    func parameters() {
        #expect(MIMEParameter.words("filename", "a b.pdf") == ["filename=\"a b.pdf\""])
        #expect(MIMEParameter.words("filename", "ü.pdf") == ["filename*=UTF-8''%C3%BC.pdf"])
        #expect(MIMEParameter.words("filename", "a\"b") == ["filename*=UTF-8''a%22b"])
        let long = MIMEParameter.words("filename", String(repeating: "ü", count: 60))
        #expect(long.count > 5)
        #expect(long.first?.hasPrefix("filename*0*=UTF-8''%C3") == true)
        #expect(long.dropLast().allSatisfy { $0.hasSuffix(";") } && long.allSatisfy { $0.utf8.count <= 76 })
    }
}
