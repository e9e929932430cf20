/// One JSON value, as the parser read it.
///
/// Equality is JSON's own: numbers by their mathematical value, strings by their code units (Swift's `String`
/// would call two canonically equivalent spellings equal), objects regardless of the order of their members.
enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// The object, if the value is one.
    var object: JSONObject? {
        if case .object(let object) = self { object } else { nil }
    }

    /// The elements, if the value is an array.
    var array: [JSONValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The text, if the value is a string.
    var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The number, if the value is one.
    var number: JSONNumber? {
        if case .number(let number) = self { number } else { nil }
    }

    /// The truth value, if the value is one.
    var bool: Bool? {
        if case .bool(let truth) = self { truth } else { nil }
    }

    /// The name of the value's kind, for messages.
    var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}
