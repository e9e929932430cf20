/// sql/install.sql as it is read here: what is set for the session, then one file after the other.
///
/// psql runs the same file, so only what means the same in both is allowed: plain statements before the first `\ir`, and
/// `\ir` lines. Meta-commands that only change psql's own output are skipped.
struct InstallScript: Sendable, Equatable {
    /// One `\ir` line.
    struct Include: Sendable, Equatable {
        let path: String
        let line: Int
    }

    static let path = "install.sql"

    /// Statements for the session, run before anything else.
    let preamble: String
    /// The one order of loading.
    let includes: [Include]

    init(_ text: String) throws {
        let silent: Set<Substring> = [
            "\\o", "\\set", "\\unset", "\\pset", "\\echo", "\\qecho", "\\timing", "\\encoding",
        ]
        var preamble: [Substring] = []
        var includes: [Include] = []
        var seen: Set<String> = []
        for (index, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = index + 1
            let words = raw.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard let first = words.first, !first.hasPrefix("--") else { continue }
            guard first.hasPrefix("\\") else {
                guard includes.isEmpty else {
                    throw Self.refusal(
                        "a statement stands after the first \\ir", line, "Put it into a file of its own.")
                }
                preamble.append(raw)
                continue
            }
            if silent.contains(first) { continue }
            guard first == "\\ir", words.count == 2 else {
                throw Self.refusal("\(raw) is not understood here", line, "Write \\ir and one path under sql/.")
            }
            let path = String(words[1])
            try Self.check(path, line)
            guard seen.insert(path).inserted else {
                throw Self.refusal("\(path) is loaded twice", line, "Keep one of the two lines.")
            }
            includes.append(Include(path: path, line: line))
        }
        self.preamble = preamble.joined(separator: "\n")
        self.includes = includes
    }

    private static func check(_ path: String, _ line: Int) throws {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let isPlain = parts.allSatisfy { !$0.isEmpty && !$0.hasPrefix(".") }
        guard path.hasSuffix(".sql"), isPlain, parts.count >= 2, parts[0] == "schema" || parts[0] == "functions" else {
            throw refusal(
                "\(path) is no file under schema/ or functions/", line,
                "Name a file as schema/NNN_x.sql or functions/x/y.sql."
            )
        }
    }

    private static func refusal(_ message: String, _ line: Int, _ advice: String) -> DeployError {
        DeployError(.files, message, advice: advice, file: path, line: line)
    }
}
