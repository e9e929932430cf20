/// One thing that `levqor-server check` looked at.
public struct CheckFinding: Sendable, Equatable {
    public enum Level: String, Sendable, Comparable {
        case ok, info, warning, error

        private var rank: Int {
            switch self {
            case .ok: 0
            case .info: 1
            case .warning: 2
            case .error: 3
            }
        }

        public static func < (one: Level, other: Level) -> Bool { one.rank < other.rank }
    }

    public let level: Level
    /// What was found, a sentence.
    public let sentence: String
    /// What to do about it; empty where nothing is to be done.
    public let advice: String

    static func ok(_ sentence: String) -> CheckFinding {
        CheckFinding(level: .ok, sentence: sentence, advice: "")
    }

    static func info(_ sentence: String) -> CheckFinding {
        CheckFinding(level: .info, sentence: sentence, advice: "")
    }

    static func warning(_ sentence: String, _ advice: String) -> CheckFinding {
        CheckFinding(level: .warning, sentence: sentence, advice: advice)
    }

    static func error(_ sentence: String, _ advice: String) -> CheckFinding {
        CheckFinding(level: .error, sentence: sentence, advice: advice)
    }
}

extension Sequence where Element == CheckFinding {
    /// Whether a server can run like this.
    public var isFine: Bool { allSatisfy { $0.level < .error } }

    /// For a person: a line a finding, a line more for what to do, and a last line that sums up.
    public var lines: [String] {
        var lines: [String] = []
        var counts: [CheckFinding.Level: Int] = [:]
        for finding in self {
            counts[finding.level, default: 0] += 1
            let label = finding.level.rawValue
            lines.append(label + String(repeating: " ", count: 9 - label.count) + finding.sentence)
            if !finding.advice.isEmpty {
                lines.append(String(repeating: " ", count: 9) + "What to do: \(finding.advice)")
            }
        }
        let errors = counts[.error] ?? 0
        let warnings = counts[.warning] ?? 0
        let sum = [(errors, "error"), (warnings, "warning")].filter { $0.0 > 0 }
            .map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }.joined(separator: ", ")
        lines.append(sum.isEmpty ? "Everything is fine." : sum + ".")
        return lines
    }
}
