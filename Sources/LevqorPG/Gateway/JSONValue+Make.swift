extension JSONValue {
    /// An object from pairs, in order; a nil value leaves its member out.
    static func object(_ members: [(String, JSONValue?)]) -> JSONValue {
        .object(
            JSONObject(members.compactMap { name, value in value.map { JSONObject.Member(name: name, value: $0) } }))
    }

    /// A whole number.
    static func int(_ value: Int) -> JSONValue {
        (try? JSONParser.parse(String(value))) ?? .null
    }

    /// The member of an object, or nil.
    subscript(_ name: String) -> JSONValue? {
        object?.members.first { JSONKey.same($0.name, name) }?.value
    }

    /// Milliseconds to three decimals.
    static func milliseconds(_ value: Double) -> JSONValue {
        (try? JSONParser.parse(String((value * 1000).rounded() / 1000))) ?? .null
    }
}
