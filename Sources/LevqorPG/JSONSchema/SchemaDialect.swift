/// The vocabularies whose keywords count in a schema.
struct SchemaDialect: OptionSet, Sendable {
    let rawValue: UInt8

    static let applicator = SchemaDialect(rawValue: 1)
    static let unevaluated = SchemaDialect(rawValue: 2)
    static let validation = SchemaDialect(rawValue: 4)
    static let formatAnnotation = SchemaDialect(rawValue: 8)
    static let formatAssertion = SchemaDialect(rawValue: 16)
    /// Core, meta-data and content: they are always understood and never decide.
    static let silent = SchemaDialect(rawValue: 32)

    static let standardURI = "https://json-schema.org/draft/2020-12/schema"
    static let standard: SchemaDialect = [.applicator, .unevaluated, .validation, .formatAnnotation, .silent]

    private static let vocabularies: [String: SchemaDialect] = [
        "core": .silent, "applicator": .applicator, "unevaluated": .unevaluated, "validation": .validation,
        "meta-data": .silent, "content": .silent,
        "format-annotation": .formatAnnotation, "format-assertion": .formatAssertion,
    ]

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The dialect that a metaschema declares; nil if it demands a vocabulary that is not known here.
    init?(metaschema: JSONValue) {
        guard let declared = metaschema.object?["$vocabulary"]?.object else {
            self = .standard
            return
        }
        self = .silent
        let prefix = "https://json-schema.org/draft/2020-12/vocab/"
        for member in declared.members {
            let name = member.name.hasPrefix(prefix) ? member.name.dropFirst(prefix.count) : ""
            if let known = Self.vocabularies[String(name)] {
                formUnion(known)
            } else if member.value.bool != false {
                return nil
            }
        }
    }
}
