/// Why a deploy cannot go on, where in the files, and what mends it.
public struct DeployError: Error, Sendable, Equatable {
    /// The kind of trouble, for code and tests to tell apart.
    public enum Code: String, Sendable {
        /// The files under sql/ do not fit each other.
        case files
        /// The database is behind this build, or was never deployed.
        case behind
        /// The database has taken a breaking step that this build does not know.
        case ahead
        /// What the database recorded and what the files say do not fit.
        case mismatch
        /// The database refused a statement.
        case statement
        /// Another session held a lock for too long.
        case locked
        /// Another deploy did not end in time.
        case busy
        /// The database cannot be reached, or not in the way a deploy needs.
        case connection
    }

    public let code: Code
    /// What is wrong, one lower-case phrase.
    public let message: String
    /// What to do, a sentence.
    public let advice: String
    /// The file under sql/, where there is one.
    public var file: String?
    /// The line in the file, from 1.
    public var line: Int?
    /// The first line of the statement at fault.
    public var statement: String?
    /// What the database added to its message.
    public var detail: String?
    /// The five characters of the database's error.
    public var sqlstate: String?

    init(
        _ code: Code,
        _ message: String,
        advice: String,
        file: String? = nil,
        line: Int? = nil,
        statement: String? = nil
    ) {
        self.code = code
        self.message = message
        self.advice = advice
        self.file = file
        self.line = line
        self.statement = statement
    }
}

extension DeployError: CustomStringConvertible {
    /// Several lines for a person: place and message, then statement, detail and what to do.
    public var description: String {
        let place = file.map { file in "sql/\(file)" + (line.map { ":\($0)" } ?? "") + ": " } ?? ""
        var lines = [place + message + (sqlstate.map { " (SQLSTATE \($0))" } ?? "")]
        if let statement, !statement.isEmpty { lines.append("Statement: \(statement)") }
        if let detail, !detail.isEmpty { lines.append("Detail: \(detail)") }
        if !advice.isEmpty { lines.append("What to do: \(advice)") }
        return lines.joined(separator: "\n")
    }
}
