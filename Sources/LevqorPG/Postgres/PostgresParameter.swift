import Foundation

/// One bound value. The server infers its type from the statement, unless the statement casts it.
enum PostgresParameter: Sendable {
    case null
    /// Sent in text format. A NUL byte inside is refused, as PostgreSQL cannot store one.
    case text(String)
    /// UTF-8 text that is already bytes (a request's JSON body, a rendered array): sent in text format as it is.
    case utf8([UInt8])
    /// Sent in binary format: a `bytea` of any bytes.
    case bytes([UInt8])

    static func text(_ value: String?) -> PostgresParameter {
        value.map { .text($0 as String) } ?? .null
    }

    static func int(_ value: Int?) -> PostgresParameter {
        value.map { .text(String($0)) } ?? .null
    }

    static func double(_ value: Double?) -> PostgresParameter {
        guard let value else { return .null }
        // Swift writes "inf" and "nan", which PostgreSQL reads too.
        return .text("\(value)")
    }

    static func bool(_ value: Bool?) -> PostgresParameter {
        value.map { .text($0 ? "t" : "f") } ?? .null
    }

    /// Encodes a value as JSON text, for a `json` or `jsonb` parameter.
    static func json(_ value: some Encodable) throws -> PostgresParameter {
        .utf8(Array(try JSONEncoder().encode(value)))
    }

    static func textArray(_ values: [String?]) -> PostgresParameter {
        var literal = PostgresArrayLiteral(capacity: values.reduce(2) { $0 + ($1?.utf8.count ?? 4) + 3 })
        for value in values { literal.append(value) }
        return .utf8(literal.finish())
    }

    static func textArray(_ values: [String]) -> PostgresParameter {
        var literal = PostgresArrayLiteral(capacity: values.reduce(2) { $0 + $1.utf8.count + 3 })
        for value in values { literal.append(value) }
        return .utf8(literal.finish())
    }

    static func intArray(_ values: [Int?]) -> PostgresParameter {
        var literal = PostgresArrayLiteral(capacity: 2 + values.count * 8)
        for value in values { literal.append(value) }
        return .utf8(literal.finish())
    }

    static func intArray(_ values: [Int]) -> PostgresParameter {
        var literal = PostgresArrayLiteral(capacity: 2 + values.count * 8)
        for value in values { literal.append(value) }
        return .utf8(literal.finish())
    }

    static func boolArray(_ values: [Bool?]) -> PostgresParameter {
        var literal = PostgresArrayLiteral(capacity: 2 + values.count * 2)
        for value in values { literal.append(value) }
        return .utf8(literal.finish())
    }

    /// An array of elements that are UTF-8 bytes already, such as the JSON bodies of a batch.
    static func utf8Array(_ values: [[UInt8]?]) -> PostgresParameter {
        var literal = PostgresArrayLiteral(capacity: values.reduce(2) { $0 + ($1?.count ?? 4) + 3 })
        for value in values { literal.append(utf8: value) }
        return .utf8(literal.finish())
    }
}

extension PostgresParameter: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The kind only: a parameter's value never reaches a log through interpolation.
    var description: String {
        switch self {
        case .null: "null"
        case .text, .utf8: "text (value withheld)"
        case .bytes: "bytes (value withheld)"
        }
    }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: []) }
}
