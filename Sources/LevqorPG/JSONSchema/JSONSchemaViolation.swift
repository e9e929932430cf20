/// One rule of a schema that a value broke.
struct JSONSchemaViolation: Equatable, Sendable {
    /// The JSON pointer of the offending value; empty for the whole document.
    let pointer: String
    /// The keyword of the schema that states the rule, such as `maxLength`.
    let keyword: String
    /// The limit that the rule sets, as text, or nil for a rule without one.
    let limit: String?
    /// A sentence for the author of the document.
    let message: String
}
