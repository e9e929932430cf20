/// A compiled JSON Schema of draft 2020-12.
///
/// Compiled once and then shared: it is immutable, validation takes no locks and needs no recompilation. Compiling
/// resolves every reference; nothing is ever loaded from the network. Schemas are trusted input, written and reviewed
/// by the operator: their patterns and references may cost any amount of time, so never compile one a caller sent.
/// A `multipleOf` may have at most 18 significant digits; a reference that leads back to itself without stepping into
/// the value is an error; formats that the specification does not name are ignored, as it demands.
struct JSONSchema: Sendable {
    /// What `format` means.
    enum Formats: Sendable {
        /// A value that is not of the format is a violation.
        case asserted
        /// The format is a note, as in the specification's default dialect.
        case annotated
    }

    /// How many violations one validation reports at most.
    static let maximumViolations = 20

    private let program: SchemaProgram

    /// Compiles a schema.
    ///
    /// - Parameters:
    ///   - schema: the schema's document.
    ///   - registry: documents by absolute URI that references may name; the metaschemas are always there.
    ///   - formats: what `format` means; a dialect with the format-assertion vocabulary asserts in any case.
    /// - Throws: `JSONSchemaError` with the pointer of what is wrong in the schema.
    init(
        _ schema: JSONValue,
        registry: [String: JSONValue] = [:],
        formats: Formats = .asserted
    ) throws(JSONSchemaError) {
        var compiler = SchemaCompiler(registry: registry, formats: formats)
        program = try compiler.compile(schema)
    }

    /// The rules that a value breaks, at most `limit` of them; empty for a valid one.
    func validate(_ value: JSONValue, limit: Int = maximumViolations) -> [JSONSchemaViolation] {
        // Most values are valid, and to know just that is the cheaper question.
        if isValid(value) { return [] }
        var evaluator = SchemaEvaluator(program: program, collecting: max(1, limit))
        _ = evaluator.evaluate(program.root, value, into: nil)
        return evaluator.violations
    }

    /// Whether a value obeys the schema.
    func isValid(_ value: JSONValue) -> Bool {
        var evaluator = SchemaEvaluator(program: program, collecting: 0)
        return evaluator.evaluate(program.root, value, into: nil) && !evaluator.ranTooDeep
    }
}
