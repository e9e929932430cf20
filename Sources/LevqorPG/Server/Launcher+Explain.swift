extension Launcher {
    /// The same error in words for the person who gave a command: with what the database said of it.
    ///
    /// Not for logs and answers: detail may quote rows.
    public static func explain(_ error: any Error) -> any Error {
        guard let error = error as? PostgresError else { return error }
        let lines = [
            error.message + (error.sqlstate.map { " (SQLSTATE \($0))" } ?? ""),
            error.detail.map { "Detail: \($0)" }, error.hint.map { "What to do: \($0)" },
        ]
        return Refusal(lines.compactMap(\.self).joined(separator: "\n"))
    }
}
