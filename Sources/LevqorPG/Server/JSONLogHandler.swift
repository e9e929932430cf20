import Foundation
import Logging

/// Writes one JSON object a line to standard error: time, level, message, then the metadata.
struct JSONLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    private let label: String

    init(label: String, level: Logger.Level) {
        self.label = label
        self.logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line: [UInt8] = []
        line.reserveCapacity(512)
        line.append(contentsOf: "{\"time\":\"".utf8)
        line.append(contentsOf: Self.time().utf8)
        line.append(contentsOf: "\",\"level\":\"\(event.level.rawValue)\",\"message\":".utf8)
        JSONText.append("\(event.message)", to: &line)
        append("logger", .string(label), to: &line)
        let all = event.metadata.map { metadata.merging($0) { _, new in new } } ?? metadata
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { append(key, value, to: &line) }
        line.append(contentsOf: "}\n".utf8)
        // One write a line: lines of several threads do not mix.
        line.withUnsafeBytes { bytes in _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    }

    private func append(_ key: String, _ value: Logger.MetadataValue, to line: inout [UInt8]) {
        line.append(UInt8(ascii: ","))
        JSONText.append(key, to: &line)
        line.append(UInt8(ascii: ":"))
        JSONText.append("\(value)", to: &line)
    }

    private static func time() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        var text = [CChar](repeating: 0, count: 32)
        strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
        let head = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let milliseconds = String(now.tv_nsec / 1_000_000)
        return head + "." + String(repeating: "0", count: 3 - milliseconds.count) + milliseconds + "Z"
    }
}
