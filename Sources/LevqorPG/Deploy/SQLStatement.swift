import Foundation

/// One statement of a script, and where it stands.
///
/// Cut at semicolons outside of quotes, dollar quotes, comments and `begin atomic` bodies, by the rules of PostgreSQL's own
/// lexer with `standard_conforming_strings` on.
struct SQLStatement: Sendable, Equatable {
    /// Without the comments and blanks before it, without the semicolon.
    let text: String
    /// Line of its first character, from 1.
    let line: Int
    /// Offsets in Unicode scalars, as the server counts positions.
    let range: Range<Int>

    var firstLine: String { text.split(separator: "\n").first.map(String.init) ?? "" }

    /// The first words in lower case, comments between them skipped.
    func words(_ count: Int) -> [String] {
        text.split(separator: "\n").lazy
            .map { line in line.range(of: "--").map { line[..<$0.lowerBound] } ?? line }
            .joined(separator: " ").split(whereSeparator: \.isWhitespace).prefix(count).map { $0.lowercased() }
    }

    /// Whether it would begin or end a transaction, which is the deploy's to do.
    var controlsTransaction: Bool {
        let first = words(1).first ?? ""
        return ["begin", "commit", "rollback", "abort", "end"].contains(first)
            || words(2) == ["start", "transaction"] || words(2) == ["prepare", "transaction"]
    }

    static func split(_ script: String) -> [SQLStatement] {
        var scanner = SQLScanner(script)
        var statements: [SQLStatement] = []
        while let statement = scanner.next() { statements.append(statement) }
        return statements
    }
}
