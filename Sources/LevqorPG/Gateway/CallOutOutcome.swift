/// What a function is told of a call to the outside: the second argument of a continuation.
enum CallOutOutcome {
    /// As JSON: state done for a status from 200 to 299, else dead; kind and error where no answer came.
    static func describe(_ outcome: OutboundOutcome) -> JSONValue {
        switch outcome {
        case .response(let response):
            .object([
                ("state", .string((200...299).contains(response.status) ? "done" : "dead")),
                ("status", .int(response.status)), ("headers", .object(headers(response.headers))),
                ("body", .string(printable(String(decoding: response.body, as: UTF8.self)))),
                ("is_truncated", .bool(response.truncated)), ("kind", .null), ("error", .null),
            ])
        case .failure(let failure):
            .object([
                ("state", .string("dead")), ("status", .null), ("headers", .object([])), ("body", .null),
                ("is_truncated", .bool(false)), ("kind", .string(failure.kind.rawValue)),
                ("error", .string(printable(failure.message))),
            ])
        }
    }

    /// Names in lower case, without cookies; of a repeated name the last.
    private static func headers(_ headers: [OutboundResponse.Header]) -> [(String, JSONValue?)] {
        var last: [String: String] = [:]
        for header in headers where header.name != "set-cookie" { last[header.name] = header.value }
        return last.sorted { $0.key < $1.key }.map { (printable($0.key), .string(printable($0.value))) }
    }

    /// PostgreSQL keeps every character but U+0000.
    private static func printable(_ text: String) -> String { text.replacing("\0", with: "\u{FFFD}") }
}
