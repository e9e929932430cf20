/// Reads one JSON text by RFC 8259, and refuses what PostgreSQL's jsonb could not keep.
///
/// Beyond the grammar it refuses: bytes that are not UTF-8, a byte-order mark, U+0000 in any spelling, surrogate
/// escapes without their other half, a name twice in one object, more than `maximumDepth` levels, and numbers outside
/// of PostgreSQL's numeric. It holds no state between texts and never reads past the buffer.
struct JSONParser {
    /// How many arrays and objects may stand inside of one another.
    static let maximumDepth = 64

    let bytes: UnsafeBufferPointer<UInt8>
    var position = 0
    var depth = 0

    /// Parses a whole text.
    static func parse(_ bytes: [UInt8]) throws(JSONParseError) -> JSONValue {
        try bytes.withUnsafeBufferPointer { buffer throws(JSONParseError) in
            var parser = JSONParser(bytes: buffer)
            return try parser.document()
        }
    }

    /// Parses a whole text in place; nothing of the buffer is kept.
    static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONParseError) -> JSONValue {
        try bytes.withMemoryRebound(to: UInt8.self) { buffer throws(JSONParseError) in
            var parser = JSONParser(bytes: buffer)
            return try parser.document()
        }
    }

    /// Parses a whole text.
    static func parse(_ text: String) throws(JSONParseError) -> JSONValue {
        try parse(Array(text.utf8))
    }

    private init(bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
    }

    private mutating func document() throws(JSONParseError) -> JSONValue {
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF {
            throw refusal(.byteOrderMark, at: 0, "The text starts with a byte-order mark; send it without one.")
        }
        skipWhitespace()
        guard position < bytes.count else {
            throw refusal(.empty, at: position, "The text is empty; a JSON value was expected.")
        }
        let value = try value()
        skipWhitespace()
        guard position == bytes.count else {
            throw refusal(.trailingCharacters, at: position, "There is more text after the end of the JSON value.")
        }
        return value
    }

    private mutating func value() throws(JSONParseError) -> JSONValue {
        guard position < bytes.count else { throw unexpectedEnd("a value") }
        switch bytes[position] {
        case UInt8(ascii: "\""):
            return .string(try string())
        case UInt8(ascii: "{"):
            return try object()
        case UInt8(ascii: "["):
            return try array()
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return .number(try number())
        case UInt8(ascii: "t"):
            try literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal("null")
            return .null
        default:
            throw unexpected("a value")
        }
    }

    private mutating func literal(_ word: StaticString) throws(JSONParseError) {
        for index in 0..<word.utf8CodeUnitCount {
            guard position + index < bytes.count else {
                position = bytes.count
                throw unexpectedEnd("\(word)")
            }
            guard bytes[position + index] == word.utf8Start[index] else {
                position += index
                throw unexpected("\(word)")
            }
        }
        position += word.utf8CodeUnitCount
    }

    private mutating func array() throws(JSONParseError) -> JSONValue {
        try descend()
        var elements: [JSONValue] = []
        if closes(with: UInt8(ascii: "]")) { return .array(elements) }
        while true {
            skipWhitespace()
            elements.append(try value())
            if try !continues(until: UInt8(ascii: "]"), "a comma or the end of the array") { break }
        }
        return .array(elements)
    }

    private mutating func object() throws(JSONParseError) -> JSONValue {
        try descend()
        var members: [JSONObject.Member] = []
        var positions: [JSONKey: Int]?
        if closes(with: UInt8(ascii: "}")) { return .object(JSONObject(members: members, positions: nil)) }
        members.reserveCapacity(8)
        while true {
            skipWhitespace()
            guard position < bytes.count else { throw unexpectedEnd("a name in quotes") }
            guard bytes[position] == UInt8(ascii: "\"") else { throw unexpected("a name in quotes") }
            let start = position
            let name = try string()
            try register(name, at: start, members: members, positions: &positions)
            skipWhitespace()
            guard position < bytes.count else { throw unexpectedEnd("a colon") }
            guard bytes[position] == UInt8(ascii: ":") else { throw unexpected("a colon") }
            position += 1
            skipWhitespace()
            members.append(JSONObject.Member(name: name, value: try value()))
            if try !continues(until: UInt8(ascii: "}"), "a comma or the end of the object") { break }
        }
        return .object(JSONObject(members: members, positions: positions))
    }

    /// Refuses a name that the object has already; turns to a dictionary when the object grows long.
    private func register(
        _ name: String,
        at start: Int,
        members: [JSONObject.Member],
        positions: inout [JSONKey: Int]?
    ) throws(JSONParseError) {
        var isNew = true
        if positions != nil {
            isNew = positions?.updateValue(members.count, forKey: JSONKey(name)) == nil
        } else {
            for member in members where JSONKey.same(member.name, name) { isNew = false }
            if members.count == JSONObject.linearLimit {
                var all = Dictionary(
                    uniqueKeysWithValues: members.enumerated().map { (JSONKey($0.element.name), $0.offset) }
                )
                all[JSONKey(name)] = members.count
                positions = all
            }
        }
        guard isNew else {
            let shown = name.unicodeScalars.count > 64 ? String(name.prefix(60)) + "..." : name
            throw refusal(.duplicateName, at: start, "The name \"\(shown)\" stands twice in the same object.")
        }
    }

    private mutating func descend() throws(JSONParseError) {
        depth += 1
        guard depth <= Self.maximumDepth else {
            let limit = Self.maximumDepth
            throw refusal(.tooDeep, at: position, "Arrays and objects are nested more than \(limit) levels deep.")
        }
        position += 1
    }

    /// Takes the closing bracket of an empty array or object.
    private mutating func closes(with bracket: UInt8) -> Bool {
        skipWhitespace()
        guard position < bytes.count, bytes[position] == bracket else { return false }
        position += 1
        depth -= 1
        return true
    }

    /// Takes a comma (true) or the closing bracket (false).
    private mutating func continues(until bracket: UInt8, _ wanted: String) throws(JSONParseError) -> Bool {
        skipWhitespace()
        guard position < bytes.count else { throw unexpectedEnd(wanted) }
        if bytes[position] == UInt8(ascii: ",") {
            position += 1
            return true
        }
        guard bytes[position] == bracket else { throw unexpected(wanted) }
        position += 1
        depth -= 1
        return false
    }

    @inline(__always)
    private mutating func skipWhitespace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }
}
