/// A secret's text that no log, description or dump shows.
struct HiddenText: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let revealed: String

    init(_ text: String) {
        revealed = text
    }

    var description: String { "(hidden)" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(reflecting: description) }
}
