/// Collects the replies of a mail server as their lines arrive, within bounds.
///
/// The reply that decided is not always the last: saying goodbye is answered too.
struct SMTPReplies {
    private struct Reply {
        var code: Int
        var text: String
        var isWhole: Bool
    }

    private static let mostReplies = 8
    private static let longestText = 2048

    private var replies: [Reply] = []

    /// Takes one line with its line end: three digits, `-` when more follow, a text.
    mutating func take(_ line: UnsafeRawBufferPointer) {
        let text = String(decoding: line, as: UTF8.self).filter { !$0.isNewline }
        guard let code = Int(text.prefix(3)), code >= 200 else { return }
        let isLast = text.utf8.dropFirst(3).first != UInt8(ascii: "-")
        if let last = replies.indices.last, !replies[last].isWhole {
            replies[last].code = code
            replies[last].isWhole = isLast
            replies[last].text += "\n" + text
            replies[last].text = String(replies[last].text.prefix(Self.longestText))
        } else {
            replies.append(Reply(code: code, text: String(text.prefix(Self.longestText)), isWhole: isLast))
            if replies.count > Self.mostReplies { replies.removeFirst() }
        }
    }

    /// The code of the last reply; nil while lines of it are missing.
    var lastCode: Int? { replies.last.flatMap { $0.isWhole ? $0.code : nil } }

    /// The text of the last reply with a code, its code included; empty when there was none.
    func text(of code: Int) -> String {
        replies.last { $0.code == code }?.text ?? ""
    }
}
