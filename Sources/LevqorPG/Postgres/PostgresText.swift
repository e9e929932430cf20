import Foundation

/// Small rules for text that goes to the server.
enum PostgresText {
    /// Whether C would see the text end early.
    static func holdsNUL(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let start = text.baseAddress else { return false }
        return memchr(start, 0, text.count) != nil
    }

    /// A name in double quotes, exactly as it is written. For names that SQL takes no parameter for, such as channels.
    static func quotedIdentifier(_ name: String) -> String {
        "\"" + name.replacing("\"", with: "\"\"") + "\""
    }
}
