/// Evaluates one value against a compiled schema.
///
/// In the quiet mode it stops at the first broken rule; in the collecting mode it goes on, keeps the path, and
/// records violations up to a bound.
struct SchemaEvaluator {
    /// Beyond this many nested subschemas a reference is taken to run in circles; a thread's stack holds many more.
    static let maximumDepth = 400

    /// One step from a value to a part of it.
    enum Step {
        case name(String)
        case index(Int)
    }

    let program: SchemaProgram
    private(set) var violations: [JSONSchemaViolation] = []
    private let limit: Int
    var isCollecting: Bool
    private var path: [Step] = []
    /// The schema resources entered, outermost first.
    private var scope: [Int] = []
    private var depth = 0
    /// Whether the depth was exceeded: then the value is refused as a whole, also where the failure was negated.
    private(set) var ranTooDeep = false

    /// - Parameter limit: how many violations to record; 0 for the quiet mode.
    init(program: SchemaProgram, collecting limit: Int) {
        self.program = program
        self.limit = limit
        isCollecting = limit > 0
    }

    /// Whether nothing more can be learnt after a broken rule.
    var stopsEarly: Bool { !isCollecting || ranTooDeep || violations.count >= limit }

    /// Records a violation in the collecting mode; returns false, the verdict.
    mutating func fail(
        _ keyword: String,
        _ limit: @autoclosure () -> String?,
        _ message: @autoclosure () -> String
    ) -> Bool {
        guard isCollecting, !ranTooDeep, violations.count < self.limit else { return false }
        let pointer = path.map { step in
            switch step {
            case .name(let name): "/" + JSONPointer.escaped(name)
            case .index(let index): "/\(index)"
            }
        }
        .joined()
        violations.append(
            JSONSchemaViolation(pointer: pointer, keyword: keyword, limit: limit(), message: message())
        )
        return false
    }

    /// Records a violation of a part of the current value.
    mutating func failing(_ step: @autoclosure () -> Step, _ keyword: String, _ message: String) -> Bool {
        guard isCollecting else { return false }
        path.append(step())
        defer { path.removeLast() }
        return fail(keyword, "false", message)
    }

    /// Evaluates a part of the current value.
    mutating func descend(_ step: @autoclosure () -> Step, _ schema: Int, _ value: JSONValue) -> Bool {
        guard isCollecting else { return evaluate(schema, value, into: nil) }
        path.append(step())
        defer { path.removeLast() }
        return evaluate(schema, value, into: nil)
    }

    /// Evaluates a subschema whose failure is not a violation by itself.
    mutating func quietly(_ schema: Int, _ value: JSONValue, into parts: EvaluatedParts?) -> Bool {
        let wasCollecting = isCollecting
        isCollecting = false
        defer { isCollecting = wasCollecting }
        return evaluate(schema, value, into: parts)
    }

    /// Where a dynamic reference leads from here: to the outermost resource entered that has the anchor.
    func target(of anchor: String, fallback: Int) -> Int {
        guard let bearers = program.dynamicAnchors[anchor] else { return fallback }
        for resource in scope {
            if let schema = bearers[resource] { return schema }
        }
        return fallback
    }

    /// Whether a value obeys a subschema.
    ///
    /// - Parameter parts: takes what was looked at, if the subschema succeeds and somebody needs to know.
    mutating func evaluate(_ index: Int, _ value: JSONValue, into parts: EvaluatedParts?) -> Bool {
        let node = program.nodes[index]
        if let verdict = node.verdict {
            return verdict || fail("false", nil, "No value is allowed here.")
        }
        depth += 1
        defer { depth -= 1 }
        guard !ranTooDeep else { return false }
        guard depth <= Self.maximumDepth else {
            isCollecting = limit > 0
            defer { ranTooDeep = true }
            return fail("$ref", "\(Self.maximumDepth)", "The schema refers to itself too often for this value.")
        }
        let entersResource = program.needsDynamicScope && scope.last != node.resource
        if entersResource { scope.append(node.resource) }
        defer { if entersResource { scope.removeLast() } }

        let needsParts = parts != nil || node.unevaluatedItems != nil || node.unevaluatedProperties != nil
        let own = needsParts ? EvaluatedParts() : nil
        let isValid = check(node, value, own)
        if isValid, let parts, let own { parts.merge(own) }
        return isValid
    }

    private mutating func check(_ node: SchemaNode, _ value: JSONValue, _ parts: EvaluatedParts?) -> Bool {
        var isValid = true
        if let types = node.types, !types.accepts(value) {
            let names = types.description
            // What a value of another type lacks besides is of no use to anybody.
            return fail("type", names, "Must be of type \(names), but is of type \(value.kindName).")
        }
        if node.values != nil, !checkValues(node, value) { isValid = false }
        if !isValid, stopsEarly { return false }
        switch value {
        case .number(let number):
            if node.number != nil, !checkNumber(node, number) { isValid = false }
        case .string(let text):
            if node.string != nil, !checkString(node, text) { isValid = false }
        case .array(let elements):
            if node.array != nil, !checkArray(node, elements, parts) { isValid = false }
        case .object(let object):
            if node.object != nil, !checkObject(node, value, object, parts) { isValid = false }
        case .null, .bool:
            break
        }
        if !isValid, stopsEarly { return false }
        if node.inPlace != nil, !checkInPlace(node, value, parts) { isValid = false }
        if !isValid, stopsEarly { return false }
        if let schema = node.unevaluatedItems, let elements = value.array, let parts {
            if !checkUnevaluatedItems(schema, elements, parts) { isValid = false }
        }
        if let schema = node.unevaluatedProperties, let object = value.object, let parts {
            if !checkUnevaluatedProperties(schema, object, parts) { isValid = false }
        }
        return isValid
    }
}
