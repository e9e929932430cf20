import HTTPTypes
import NIOCore

/// A 429 that is the same for every caller but for a few figures. Callers that were refused alike share one.
final class RefusalTemplate: Sendable {
    /// Larger ones are not kept: there may be one for each caller.
    static let mostBytes = 8192

    private let constants: HTTPFields
    private let varying: [(name: HTTPField.Name, value: TextTemplate)]
    private let body: TextTemplate
    /// The headers as they were filled last: whoever goes on asking within a second gets the same.
    private let last = Locked<(seconds: Int, reset: Int, headers: HTTPFields)?>(nil)
    private let isLastOfUse: Bool

    /// - Returns: nil when it is too large to be kept.
    init?(_ refusal: RepeatableRefusal) {
        let bytes = refusal.headers.reduce(refusal.body.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        guard bytes <= Self.mostBytes else { return nil }
        var constants = HTTPFields()
        var varying: [(name: HTTPField.Name, value: TextTemplate)] = []
        for header in refusal.headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            let value = TextTemplate(header.value)
            if value.isConstant { constants[name] = header.value } else { varying.append((name, value)) }
        }
        if constants[.contentType] == nil { constants[.contentType] = "application/problem+json" }
        self.constants = constants
        self.varying = varying
        isLastOfUse = !varying.contains { $0.value.namesRequest }
        body = TextTemplate(refusal.body)
    }

    /// The answer to one request.
    func fill(_ figures: TextTemplate.Figures) -> Answer {
        Answer(status: 429, headers: headers(figures), body: body.fill(figures))
    }

    private func headers(_ figures: TextTemplate.Figures) -> HTTPFields {
        let known: HTTPFields? = last.withLock { last in
            guard let last, last.seconds == figures.seconds, last.reset == figures.reset else { return nil }
            return last.headers
        }
        if let known { return known }
        var headers = constants
        headers.append(
            contentsOf: varying.map { header in
                HTTPField(name: header.name, value: String(buffer: header.value.fill(figures)))
            }
        )
        if isLastOfUse { last.withLock { $0 = (figures.seconds, figures.reset, headers) } }
        return headers
    }
}
