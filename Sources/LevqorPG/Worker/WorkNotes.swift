/// What a command says of its work on descriptor 3, line by line, until a heartbeat carries it.
///
/// A line that is a JSON object may have `progress` (any JSON), `log` with `level`, `retry_after_seconds` and
/// `snooze_seconds`; every other line is a log message.
struct WorkNotes: Sendable {
    private static let longestLine = 16 * 1024
    private static let longestMessage = 2_000
    private static let mostLogs = 100
    private static let mostProgress = 4_096
    private static let levels: Set<String> = ["debug", "info", "warning", "error"]

    private(set) var progress: JSONValue?
    private(set) var logs: [JSONValue] = []
    /// When the command wants to be tried again.
    private(set) var retryAfterSeconds: Int?
    /// When the command wants to go on, without this attempt being counted.
    private(set) var snoozeSeconds: Int?
    private var line: [UInt8] = []

    var isEmpty: Bool { progress == nil && logs.isEmpty }

    /// Takes what came; a line counts once its end has come.
    mutating func feed(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                endLine()
            } else if line.count < Self.longestLine {
                line.append(byte)
            }
        }
    }

    /// The last line may lack its end.
    mutating func endLine() {
        let text = String(decoding: line, as: UTF8.self).replacing("\0", with: "\u{FFFD}")
        line = []
        if text.allSatisfy(\.isWhitespace) { return }
        guard let note = try? JSONParser.parse(text), note.object != nil else { return log(text, level: nil) }
        if let progress = note["progress"] { take(progress) }
        if let message = note["log"] { log(message.string ?? JSONText.string(message), level: note["level"]?.string) }
        retryAfterSeconds = Self.seconds(note["retry_after_seconds"]) ?? retryAfterSeconds
        snoozeSeconds = Self.seconds(note["snooze_seconds"]) ?? snoozeSeconds
    }

    /// Hands over what has gathered.
    mutating func take() -> [(String, JSONValue?)] {
        defer { (progress, logs) = (nil, []) }
        return [("progress", progress), ("logs", logs.isEmpty ? nil : .array(logs))]
    }

    /// Takes back what could not be told; what came since is newer.
    mutating func putBack(_ members: [(String, JSONValue?)]) {
        for (name, value) in members {
            if name == "progress" { progress = progress ?? value }
            if name == "logs" { logs = ((value?.array ?? []) + logs).suffix(Self.mostLogs) }
        }
    }

    /// Keeps progress that the API takes; of longer one a message remains. U+0000 has not passed the parser.
    private mutating func take(_ progress: JSONValue) {
        if JSONText.encode(progress).count > Self.mostProgress {
            log("progress ignored: it is longer than \(Self.mostProgress) bytes", level: "error")
        } else {
            self.progress = progress
        }
    }

    private mutating func log(_ text: String, level: String?) {
        // The API takes none without text.
        if text.isEmpty { return }
        // The last lines say most of how it ended.
        if logs.count >= Self.mostLogs { logs.removeFirst() }
        let level = level.flatMap { Self.levels.contains($0) ? $0 : nil } ?? "info"
        logs.append(
            .object([("level", .string(level)), ("message", .string(String(text.prefix(Self.longestMessage))))]))
    }

    private static func seconds(_ value: JSONValue?) -> Int? {
        guard let value, value.number != nil, let seconds = Double(JSONText.string(value)), seconds.isFinite else {
            return nil
        }
        return Int(min(max(seconds, 0), 604_800))
    }
}
