/// Turns calls into the arguments of http.handle_many, and its rows into replies.
enum Batch {
    static let statement = """
        select call, outcome, status, headers, body, hints, more
        from http.handle_many($1::text[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], \
        $8::text[], $9::jsonb[])
        """

    static func parameters(_ calls: [GatewayCall]) -> [PostgresParameter] {
        [
            .textArray(calls.map(\.requestID)),
            .intArray(calls.map(\.route.id)),
            .intArray(calls.map(\.route.version)),
            .textArray(calls.map(\.key)),
            .textArray(calls.map(\.address)),
            .textArray(calls.map(\.userAgent)),
            .utf8Array(calls.map(\.parameters)),
            .utf8Array(calls.map(\.body)),
            .utf8Array(calls.map(\.context)),
        ]
    }

    /// One reply a call, in order; nil where the rows do not hold one.
    static func replies(_ result: PostgresResult, count: Int) -> [GatewayReply?] {
        var replies = [GatewayReply?](repeating: nil, count: count)
        for row in result {
            guard let call = row.int(0), call >= 1, call <= count else { continue }
            replies[call - 1] = reply(row)
        }
        return replies
    }

    private static func reply(_ row: PostgresRow) -> GatewayReply? {
        let hints = row.withBytes(5) { bytes -> [Hint] in
            // "{}" for none, which is nearly always.
            guard let bytes, bytes.count > 2 else { return [] }
            return PostgresArrayText.elements(bytes).compactMap { Hint($0[...]) }
        }
        let more = row.withBytes(6) { bytes in bytes.flatMap { try? JSONParser.parse($0) } }
        guard let answer = answer(row, more) else { return nil }
        return GatewayReply(answer: answer, hints: hints)
    }

    private static func answer(_ row: PostgresRow, _ more: JSONValue?) -> GatewayAnswer? {
        switch row.string(1) {
        case "done":
            guard let status = row.int(2), (100...599).contains(status) else { return nil }
            var done = GatewayAnswer.Done(
                status: status,
                headers: row.withBytes(3) { $0.flatMap { try? JSONParser.parse($0) } } ?? .null,
                body: row.withBytes(4) { $0.map(Array.init) } ?? []
            )
            done.account = more?["account"]?.string
            done.key = more?["key"]?.string
            done.sqlstate = more?["sqlstate"]?.string
            done.fault = more?["fault"].map(JSONText.string)
            if let reveal = more?["reveal"]?.object {
                done.reveal = reveal.members.compactMap { member in
                    member.value.string.map { (member.name, $0) }
                }
            }
            return .done(done)
        case "stale": return .stale
        case "again": return .again(alone: more?["sqlstate"] != nil)
        case "wait":
            return .wait(
                topics: more?["wait_for"]?.array?.compactMap(\.string) ?? [],
                until: more?["wait_until"]?.string ?? "",
                seconds: more?["wait_seconds"]?.number?.double ?? 0
            )
        default: return nil
        }
    }
}
