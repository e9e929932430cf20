import Logging

/// Logs each request once: who, what, how long; never a query, a header that authenticates, or a body.
struct RequestLog: Sendable {
    private let logger: Logger
    /// Where the logger's lines go, when they are JSON: then a request's line is made without the logger, which would cost
    /// more than the rest of a small request.
    private let buffer: LogBuffer?
    private let start: [UInt8]

    init(_ logger: Logger) {
        self.logger = logger
        let handler = logger.handler as? JSONLogHandler
        buffer = handler.flatMap { $0.metadata.isEmpty ? $0.buffer : nil }
        var start = Array(",\"level\":\"info\",\"message\":\"request\",\"logger\":".utf8)
        JSONText.append(handler?.label ?? "", to: &start)
        self.start = start
    }

    func note(_ visit: Visit, _ served: Served, _ duration: Duration) {
        let status = served.answer.status
        let isError = served.fault != nil || status >= 500
        guard logger.logLevel <= (isError ? .error : .info) else { return }
        guard !isError, let buffer else {
            var metadata: Logger.Metadata = [:]
            each(visit, served, duration) { name, value in metadata["\(name)"] = "\(value)" }
            logger.log(level: isError ? .error : .info, "request", metadata: metadata)
            return
        }
        buffer.append(isUrgent: false) { line in
            line.append(contentsOf: start)
            each(visit, served, duration) { name, value in
                line.append(contentsOf: ",\"".utf8)
                line.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
                line.append(contentsOf: "\":".utf8)
                JSONText.append(value, to: &line)
            }
        }
    }

    private func each(
        _ visit: Visit, _ served: Served, _ duration: Duration, _ tell: (StaticString, String) -> Void
    ) {
        tell("client.address", visit.address)
        if let agent = visit.head.userAgent { tell("client.user_agent", Self.cut(agent)) }
        if let sqlstate = served.sqlstate { tell("db.sqlstate", sqlstate) }
        if let fault = served.fault { tell("fault", fault) }
        tell("http.method", visit.head.method)
        tell("http.milliseconds", Self.milliseconds(duration))
        // The path without its query: a query may hold personal data.
        tell("http.path", Self.cut(visit.head.path))
        tell("http.status", "\(served.answer.status)")
        if let account = served.account { tell("levqor.account", account) }
        if let key = served.key { tell("levqor.key", key) }
        tell("levqor.request.id", visit.id)
    }

    private static func cut(_ text: String) -> String {
        text.utf8.count > 256 ? String(text.prefix(256)) : text
    }

    /// With two decimals.
    private static func milliseconds(_ duration: Duration) -> String {
        let hundredths = duration.microseconds / 10
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction / 10)\(fraction % 10)"
    }
}
