/// What went wrong between here and the database.
///
/// `description` is generic and safe to log: kind, SQLSTATE and a text of our own making. `String(reflecting:)` adds
/// what the server said, which may quote data. Bound parameters are never copied into an error by this library.
struct PostgresError: Error, Sendable {
    var code: Code
    /// The server's five characters, where the server answered.
    var sqlstate: String?
    /// The server's primary message, or ours where the server said nothing.
    var message: String
    var detail: String?
    var hint: String?
    /// The server's call stack, without the lines that quote parameters.
    var context: String?
    var schema: String?
    var table: String?
    var column: String?
    var constraint: String?
    /// The character (from 1) in the statement that the server points at.
    var position: Int?
    /// The line (from 1) of that character.
    var line: Int?
    /// The statement was sent whole and no answer came: it may or may not have taken effect.
    var isOutcomeUnknown: Bool
    /// The C function of the server that raised it: tells two uses of one SQLSTATE apart.
    var serverFunction: String?

    init(_ code: Code, _ message: String, outcomeUnknown: Bool = false) {
        self.code = code
        self.message = message
        self.isOutcomeUnknown = outcomeUnknown
    }
}

extension Error {
    /// For the log: everything known but the server's detail, which quotes rows where a constraint is broken.
    var textForLog: String {
        guard var error = self as? PostgresError else { return String(reflecting: self) }
        error.detail = nil
        return String(reflecting: error)
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    var description: String {
        let state = sqlstate.map { " \($0)" } ?? ""
        return "PostgresError(\(code)\(state)): \(code.explanation)"
    }

    /// Everything known. For an operator's eyes: the server may quote data in its message and detail.
    var debugDescription: String {
        let fields: [(String, String?)] = [
            ("message", message), ("detail", detail), ("hint", hint), ("schema", schema), ("table", table),
            ("column", column), ("constraint", constraint), ("position", position.map(String.init)),
            ("line", line.map(String.init)), ("outcome", isOutcomeUnknown ? "unknown" : nil), ("context", context),
        ]
        let said = fields.compactMap { name, value in value.map { "\(name): \($0)" } }
        return ([description] + said).joined(separator: "; ")
    }
}
