import HTTPTypes

extension GatewayResponder {
    /// What every answer gets, whoever made it: a count, a line in the log and a row in the access record.
    func finish(_ served: inout Served, _ visit: Visit) {
        crossOrigin.open(&served.answer.headers, for: visit.head)
        if isUnchanged(visit, served.answer) {
            served.answer = Answer(status: 304, headers: served.answer.headers)
        }
        let duration = visit.start.duration(to: .now)
        gateway.metrics.noteRequest(route: served.route, status: served.answer.status, duration: duration)
        if served.isRecorded { access.note(row(served, visit, duration)) }
        log.note(visit, served, duration)
    }

    private func row(_ served: Served, _ visit: Visit, _ duration: Duration) -> AccessRow {
        let isHead = visit.head.method == "HEAD"
        return AccessRow(
            at: visit.at, requestID: visit.id, account: served.account, key: served.key, route: served.route,
            status: served.answer.status, micros: duration.microseconds,
            bytesIn: served.bytesIn ?? visit.head.contentLength ?? 0,
            bytesOut: isHead ? 0 : served.answer.body.readableBytes, address: visit.address,
            rateLimit: served.answer.headers.first(.rateLimit),
            rateLimitPolicy: served.answer.headers.first(.rateLimitPolicy), decision: served.decision
        )
    }

    /// Whether the client holds what it asked for already (RFC 9110, If-None-Match with weak comparison).
    private func isUnchanged(_ visit: Visit, _ answer: Answer) -> Bool {
        guard
            let asked = visit.head.ifNoneMatch, visit.method == "GET", answer.status == 200,
            let tag = answer.headers[.eTag]
        else { return false }
        func strong(_ tag: Substring) -> Substring { tag.hasPrefix("W/") ? tag.dropFirst(2) : tag }
        return asked == "*"
            || asked.split(separator: ",").contains { strong($0.withoutEdgeSpace) == strong(tag[...]) }
    }
}
