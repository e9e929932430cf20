/// What came of one call to the API, as far as a worker must tell it apart.
enum WorkAnswer: Sendable {
    /// 2xx, with its JSON; null for an answer without a body.
    case done(JSONValue)
    /// An answer that says no.
    case refused(WorkRefusal)
    /// No answer: whether the call was done is not known.
    case away(String)
}

/// An answer that says no.
struct WorkRefusal: Error, Sendable, CustomStringConvertible {
    /// 0: nothing was asked.
    let status: Int
    let reason: String
    let retryAfter: Duration?

    /// Whether the same call may be taken later.
    var isPassing: Bool { status == 408 || status == 429 || status >= 500 }
    /// Whether the lease is another's, or the job is over or gone.
    var isLost: Bool { status == 404 || status == 409 }
    /// Whether the key is the reason, which somebody may mend meanwhile.
    var isOfKey: Bool { status == 401 || status == 403 }

    /// Whether what was sent is the reason, so that sending it again would give the same.
    var isOfContent: Bool { !isPassing && !isLost && !isOfKey }

    var description: String { status == 0 ? reason : "\(status): \(reason)" }

    /// What could not even be sent, and never will be: the URL or the key cannot be used as they are.
    init(_ failure: OutboundFailure) {
        (status, reason, retryAfter) = (0, failure.description, nil)
    }

    init(_ response: OutboundResponse) {
        status = response.status
        let problem = try? JSONParser.parse(String(decoding: response.body, as: UTF8.self))
        let texts = ["title", "detail", "hint"].compactMap { problem?[$0]?.string }
        reason = texts.isEmpty ? "the answer is no problem document of this API" : texts.joined(separator: ": ")
        retryAfter = response.header("retry-after").flatMap(Int.init).map { .seconds(min(max($0, 1), 300)) }
    }
}
