/// Collects the header lines of an answer as they arrive, within bounds.
struct ResponseHeaders {
    /// Further headers are read and forgotten.
    static let mostKept = 64
    /// A longer value is cut.
    static let longestValue = 4096
    /// All header bytes of one transfer, interim answers included; more ends it.
    static let mostBytes = 256 * 1024

    private(set) var kept: [OutboundResponse.Header] = []
    private var bytes = 0
    /// Whether the empty line behind the headers has come: without it the answer broke off in its head.
    private(set) var complete = false

    /// Takes one line with its line end.
    ///
    /// A status line starts anew (interim answers such as 103 come before the real one); lines after the empty one are
    /// trailers and ignored.
    ///
    /// - Returns: False when the other side has sent more than any honest one does.
    mutating func take(_ line: UnsafeRawBufferPointer) -> Bool {
        bytes += line.count
        guard bytes <= Self.mostBytes else { return false }
        let text = String(decoding: line, as: UTF8.self).drop(while: \.isNewline)
        if text.hasPrefix("HTTP/") {
            kept = []
            complete = false
        } else if text.isEmpty {
            complete = true
        } else if !complete, kept.count < Self.mostKept, let colon = text.firstIndex(of: ":") {
            let value = text[text.index(after: colon)...].trimmingSpaces()
            kept.append(.init(name: text[..<colon].lowercased(), value: String(value.prefix(Self.longestValue))))
        }
        return true
    }
}

extension Substring {
    /// Without white space and line ends on both sides.
    fileprivate func trimmingSpaces() -> Substring {
        var rest = drop(while: \.isWhitespace)
        while rest.last?.isWhitespace == true {
            rest.removeLast()
        }
        return rest
    }
}
