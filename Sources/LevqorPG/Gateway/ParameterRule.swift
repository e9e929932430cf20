/// The rule of one path, query or header parameter: its JSON type, and its schema.
///
/// Parameters arrive as text. A schema that wants a number or a boolean gets one where the text spells one; anything else
/// stays text, and the schema says what is wrong with it.
struct ParameterRule: Sendable {
    private let types: Set<String>
    private let schema: JSONSchema
    /// Whether it is taken from the header field of its name.
    let isHeader: Bool

    /// - Throws: `JSONSchemaError` when the schema does not compile.
    init(_ schema: JSONValue) throws(JSONSchemaError) {
        switch schema["type"] {
        case .string(let name): types = [name]
        case .array(let names): types = Set(names.compactMap(\.string))
        default: types = []
        }
        isHeader = schema["in"]?.string == "header"
        self.schema = try JSONSchema(schema)
    }

    /// The value that a text stands for.
    func value(of text: String) -> JSONValue {
        if types.contains("boolean"), text == "true" || text == "false" { return .bool(text == "true") }
        if types.contains("integer") || types.contains("number"),
            case .number(let number)? = try? JSONParser.parse(text)
        {
            return .number(number)
        }
        return .string(text)
    }

    func violations(of value: JSONValue) -> [JSONSchemaViolation] {
        schema.validate(value)
    }
}
