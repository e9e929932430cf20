/// The object of one subschema, read keyword by keyword with errors that name the place.
struct SchemaSource {
    let object: JSONObject
    let location: SchemaLocation
    /// URI of the document, for errors.
    let document: String

    func error(_ keyword: String, _ reason: String) -> JSONSchemaError {
        let pointer = JSONPointer.text(location.appending(keyword).tokens)
        return JSONSchemaError(document: document, pointer: pointer, reason: reason)
    }

    func has(_ keyword: String) -> Bool {
        object[keyword] != nil
    }

    func text(_ keyword: String) throws(JSONSchemaError) -> String? {
        guard let value = object[keyword] else { return nil }
        guard let text = value.string else { throw error(keyword, "must be a string") }
        return text
    }

    func number(_ keyword: String) throws(JSONSchemaError) -> JSONNumber? {
        guard let value = object[keyword] else { return nil }
        guard let number = value.number else { throw error(keyword, "must be a number") }
        return number
    }

    func truth(_ keyword: String) throws(JSONSchemaError) -> Bool? {
        guard let value = object[keyword] else { return nil }
        guard let truth = value.bool else { throw error(keyword, "must be true or false") }
        return truth
    }

    /// A count; one beyond the range of integers means without a limit.
    func count(_ keyword: String) throws(JSONSchemaError) -> Int? {
        guard let number = try number(keyword) else { return nil }
        guard number.isInteger, !number.text.hasPrefix("-") || number.int64 == 0 else {
            throw error(keyword, "must be an integer of at least 0")
        }
        return number.int64.flatMap { Int(exactly: $0) } ?? .max
    }

    func list(_ keyword: String) throws(JSONSchemaError) -> [JSONValue]? {
        guard let value = object[keyword] else { return nil }
        guard let list = value.array else { throw error(keyword, "must be an array") }
        return list
    }

    func map(_ keyword: String) throws(JSONSchemaError) -> [JSONObject.Member] {
        guard let value = object[keyword] else { return [] }
        guard let map = value.object else { throw error(keyword, "must be an object") }
        return map.members
    }

    func names(_ keyword: String, _ value: JSONValue) throws(JSONSchemaError) -> [String] {
        let names = value.array?.compactMap(\.string)
        guard let names, names.count == value.array?.count, Set(names.map(JSONKey.init)).count == names.count else {
            throw error(keyword, "must be an array of different strings")
        }
        return names
    }

    func pattern(_ keyword: String, _ source: String) throws(JSONSchemaError) -> ECMARegex {
        do {
            return try ECMARegex(source)
        } catch {
            throw self.error(keyword, "the pattern cannot be used: \(error.message)")
        }
    }
}
