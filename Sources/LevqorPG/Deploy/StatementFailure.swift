/// A file's statement that the database refused, before it is put into words.
struct StatementFailure: Error {
    let error: PostgresError
    let path: String
    /// Nil while the place is not known.
    var line: Int?
    var statement: String?

    /// The file was sent whole: the error's position, if it has one, tells the statement.
    init(error: PostgresError, file: SQLFile, statements: [SQLStatement]) {
        self.error = error
        path = file.path
        guard let position = error.position else { return }
        line = error.line
        let found = statements.last { $0.range.lowerBound < position }
        statement = found?.firstLine
    }

    init(error: PostgresError, file: SQLFile, at statement: SQLStatement) {
        self.error = error
        path = file.path
        self.statement = statement.firstLine
        let inside = error.position.map { error.located(in: statement.text, at: $0) }
        line = statement.line + (inside ?? 1) - 1
    }

    /// A failure that has no file: a prune, or the deploy's own statements.
    init(error: PostgresError, path: String, statement: String) {
        self.error = error
        self.path = path
        self.statement = statement
    }

    /// Whether somebody else's lock was the reason, so that a new attempt may succeed.
    var gaveWay: Bool { ["55P03", "40P01", "40001"].contains(error.sqlstate) }

    /// Whether two deploys on one cluster made the same role at the same time, each in its own database.
    var isConcurrentRole: Bool {
        switch error.sqlstate {
        case "42710": error.message.contains("role")
        case "23505": error.table == "pg_authid" || error.table == "pg_auth_members"
        case "XX000": error.message == "tuple concurrently updated"
        default: false
        }
    }

    var deployError: DeployError { deployError(.statement, error.message, advice: advice) }

    func deployError(_ code: DeployError.Code, _ message: String, advice: String) -> DeployError {
        var refusal = DeployError(code, message, advice: advice, file: path, line: line, statement: statement)
        refusal.sqlstate = error.sqlstate
        refusal.detail = [error.detail, error.context].compactMap(\.self).filter { !$0.isEmpty }.joined(separator: "\n")
        return refusal
    }

    private var advice: String {
        let own =
            switch error.sqlstate {
            // invalid_function_definition: the return type or the name of an argument differs.
            case "42P13", "42P16":
                "A changed signature or a column taken away needs a migration that drops the old one by its exact arguments."
            case "42501":
                "The login needs more rights: a superuser, or CREATEROLE and CREATE on the database. "
                    + "Set LEVQOR_DEPLOY_URL to such a login."
            case "42P01", "42703", "3F000", "42P07":
                "The database's tables are not as sql/schema has them: a migration is missing, or the files were edited in place."
            case "2BP01": "Something else still uses it; take that away first."
            default: ""
            }
        return [error.hint, own].compactMap(\.self).filter { !$0.isEmpty }.joined(separator: " ")
    }
}

extension PostgresError {
    /// The line of a position in the text of one statement.
    fileprivate func located(in text: String, at position: Int) -> Int {
        1 + text.unicodeScalars.prefix(max(0, position - 1)).count { $0 == "\n" }
    }
}
