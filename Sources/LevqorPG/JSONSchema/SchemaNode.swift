/// One compiled subschema; rules that it does not have are nil and cost nothing.
final class SchemaNode: Sendable {
    /// The schema resource it belongs to.
    let resource: Int
    /// For the schemas `true` and `false`: their verdict.
    let verdict: Bool?
    let types: JSONTypeSet?
    let values: ValueRules?
    let number: NumberRules?
    let string: StringRules?
    let array: ArrayRules?
    let object: ObjectRules?
    let inPlace: InPlaceRules?
    let unevaluatedItems: Int?
    let unevaluatedProperties: Int?

    /// Rules about the value as a whole.
    struct ValueRules: Sendable {
        var enumeration: [JSONValue]?
        /// The same values for a quick look-up, where there are many.
        var enumerationSet: Set<JSONValue>?
        var constant: JSONValue?
    }

    struct NumberRules: Sendable {
        var minimum: JSONNumber?
        var maximum: JSONNumber?
        var exclusiveMinimum: JSONNumber?
        var exclusiveMaximum: JSONNumber?
        var multipleOf: JSONNumber?
    }

    struct StringRules: Sendable {
        var minLength: Int?
        var maxLength: Int?
        var pattern: ECMARegex?
        var format: StringFormat?
    }

    struct ArrayRules: Sendable {
        var minItems: Int?
        var maxItems: Int?
        var hasUniqueItems = false
        var prefix: [Int] = []
        var items: Int?
        var contains: Int?
        var minContains = 1
        var maxContains: Int?
    }

    struct ObjectRules: Sendable {
        var minProperties: Int?
        var maxProperties: Int?
        var required: [String] = []
        var dependentRequired: [(name: String, needs: [String])] = []
        var dependentSchemas: [(name: String, schema: Int)] = []
        var properties = PropertyTable([])
        var patterns: [(pattern: ECMARegex, schema: Int)] = []
        var additional: Int?
        var names: Int?
    }

    /// Subschemas that apply to the same value.
    struct InPlaceRules: Sendable {
        var reference: Int?
        var dynamicReference: (anchor: String, fallback: Int)?
        var allOf: [Int] = []
        var anyOf: [Int] = []
        var oneOf: [Int] = []
        var not: Int?
        var condition: Int?
        var then: Int?
        var otherwise: Int?

        /// All static ones, for the search for loops.
        var targets: [Int] {
            allOf + anyOf + oneOf + [reference, not, condition, then, otherwise].compactMap { $0 }
        }
    }

    init(
        resource: Int,
        verdict: Bool? = nil,
        types: JSONTypeSet? = nil,
        values: ValueRules? = nil,
        number: NumberRules? = nil,
        string: StringRules? = nil,
        array: ArrayRules? = nil,
        object: ObjectRules? = nil,
        inPlace: InPlaceRules? = nil,
        unevaluatedItems: Int? = nil,
        unevaluatedProperties: Int? = nil
    ) {
        self.resource = resource
        self.verdict = verdict
        self.types = types
        self.values = values
        self.number = number
        self.string = string
        self.array = array
        self.object = object
        self.inPlace = inPlace
        self.unevaluatedItems = unevaluatedItems
        self.unevaluatedProperties = unevaluatedProperties
    }
}
