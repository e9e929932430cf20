/// One file of sql/migrations: `NNNN_name.sql`, with its risk in line 1.
struct MigrationFile: Sendable, Equatable {
    /// What a migration does to a database in use.
    enum Risk: String, Sendable, CaseIterable {
        /// Nobody notices.
        case safe
        /// Takes a strong lock for a moment.
        case lock
        /// Rewrites or scans a table under a lock.
        case rewrite
        /// Servers of earlier releases cannot work with the database afterwards.
        case breaking
    }

    static let folder = "migrations"

    let number: Int
    let name: String
    let risk: Risk
    /// False where line 2 or later of the head says `-- transaction: none`: run statement by statement, outside of one.
    let isTransactional: Bool
    let file: SQLFile

    /// `0001_baseline`, as people say it.
    var label: String { Self.label(number, name) }

    static func label(_ number: Int, _ name: String) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "_" + name
    }

    init(_ file: SQLFile) throws {
        self.file = file
        let stem = file.path.dropFirst(Self.folder.count + 1).dropLast(".sql".count)
        let parts = stem.split(separator: "_", maxSplits: 1)
        guard parts.count == 2, parts[0].utf8.count >= 4, let number = Int(parts[0]), number > 0,
            parts[0].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else {
            throw DeployError(
                .files, "the name does not start with a number of four digits",
                advice: "Name it NNNN_verb_object.sql, with the next free number.", file: file.path
            )
        }
        self.number = number
        name = String(parts[1])

        let head = file.text.split(separator: "\n", omittingEmptySubsequences: false)
            .prefix { $0.hasPrefix("--") || $0.allSatisfy(\.isWhitespace) }
        guard let first = head.first, let risk = Self.value("risk", in: first).flatMap(Risk.init) else {
            throw DeployError(
                .files, "line 1 does not tell the risk",
                advice: "Write `-- risk: \(Risk.allCases.map(\.rawValue).joined(separator: " | "))` there.",
                file: file.path, line: 1
            )
        }
        self.risk = risk
        let transaction = head.lazy.compactMap { Self.value("transaction", in: $0) }.first
        guard transaction == nil || transaction == "none" else {
            throw DeployError(
                .files, "the only transaction mode that can be asked for is none",
                advice: "Write `-- transaction: none`, or leave the line out.", file: file.path
            )
        }
        isTransactional = transaction == nil
    }

    /// The value of `-- key: value`.
    private static func value(_ key: String, in line: Substring) -> String? {
        let words = line.dropFirst(2).split(separator: ":", maxSplits: 1)
        guard line.hasPrefix("--"), words.count == 2, words[0].trimmed == key else { return nil }
        return String(words[1].trimmed)
    }
}

extension Substring {
    /// Without white space at both ends.
    fileprivate var trimmed: Substring {
        var text = drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
