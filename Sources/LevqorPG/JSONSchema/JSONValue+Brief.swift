extension JSONValue {
    /// The value as JSON text in short, for messages about a schema's own values.
    var briefText: String {
        switch self {
        case .null: return "null"
        case .bool(let truth): return truth ? "true" : "false"
        case .number(let number): return number.text
        case .string(let text):
            let shown = text.unicodeScalars.count > 64 ? String(text.prefix(60)) + "..." : text
            return "\"\(shown)\""
        case .array(let elements): return elements.isEmpty ? "[]" : "an array of \(elements.count)"
        case .object(let object): return object.members.isEmpty ? "{}" : "an object of \(object.members.count)"
        }
    }
}
