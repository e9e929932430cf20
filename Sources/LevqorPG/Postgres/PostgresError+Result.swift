import CLibPQ

extension PostgresError {
    /// What the server reported in a failed result.
    init(_ code: Code, result: PostgresResultStorage) {
        self.init(code, result.diagnostic(levqor_pg_diag_message()) ?? result.errorMessage)
        sqlstate = result.diagnostic(levqor_pg_diag_sqlstate())
        detail = result.diagnostic(levqor_pg_diag_detail())
        hint = result.diagnostic(levqor_pg_diag_hint())
        context = result.diagnostic(levqor_pg_diag_context()).flatMap(Self.withoutParameters)
        schema = result.diagnostic(levqor_pg_diag_schema())
        table = result.diagnostic(levqor_pg_diag_table())
        column = result.diagnostic(levqor_pg_diag_column())
        constraint = result.diagnostic(levqor_pg_diag_constraint())
        position = result.diagnostic(levqor_pg_diag_position()).flatMap { Int($0) }
        serverFunction = result.diagnostic(levqor_pg_diag_source_function())
    }

    /// Drops the context lines in which a server with `log_parameter_max_length_on_error` quotes bound parameters.
    ///
    /// A parameter with line breaks runs over several lines, so everything from such a line on is dropped.
    static func withoutParameters(_ context: String) -> String? {
        var kept: [Substring] = []
        for line in context.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("unnamed portal ") || line.hasPrefix("portal \"") { break }
            kept.append(line)
        }
        return kept.isEmpty ? nil : kept.joined(separator: "\n")
    }

    /// The same error with the line that `position` falls on in `sql`.
    func located(in sql: String) -> PostgresError {
        guard let position, position > 0 else { return self }
        var located = self
        // The server counts characters of the client encoding, which are Unicode scalars.
        located.line = 1 + sql.unicodeScalars.prefix(position - 1).count { $0 == "\n" }
        return located
    }
}
