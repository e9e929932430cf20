import Logging

/// Writes one JSON object a line to standard error: time, level, message, then the metadata.
struct JSONLogHandler: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    let label: String
    let buffer: LogBuffer

    init(label: String, level: Logger.Level, buffer: LogBuffer = .standardError) {
        self.label = label
        self.logLevel = level
        self.buffer = buffer
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let message = "\(event.message)"
        let all = event.metadata.map { metadata.merging($0) { _, new in new } } ?? metadata
        // Only requests come by the thousand, and they have a way of their own: see RequestLog.
        buffer.append(isUrgent: event.level >= .info) { line in
            line.append(contentsOf: ",\"level\":\"\(event.level.rawValue)\",\"message\":".utf8)
            JSONText.append(message, to: &line)
            line.append(contentsOf: ",\"logger\":".utf8)
            JSONText.append(label, to: &line)
            for (key, value) in all.sorted(by: { $0.key < $1.key }) {
                line.append(UInt8(ascii: ","))
                JSONText.append(key, to: &line)
                line.append(UInt8(ascii: ":"))
                JSONText.append("\(value)", to: &line)
            }
        }
    }
}
