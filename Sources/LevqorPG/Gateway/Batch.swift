import HTTPTypes
import NIOCore

/// Turns calls into the arguments of http.handle_many, and its rows into replies.
enum Batch {
    static let statement = """
        select call, outcome, status, headers, body, hints, more
        from http.handle_many($1::text[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], \
        $8::text[], $9::jsonb[])
        """

    /// The second half of a call that was handed over, on the replica.
    static let replicaStatement = """
        select call, outcome, status, headers, body, hints, more
        from http.read_many($1::text[], $2::text[], $3::text[])
        """

    static func replicaParameters(_ batch: [Gather.Pending]) -> [PostgresParameter] {
        var handovers = PostgresArrayLiteral(capacity: batch.reduce(0) { $0 + $1.call.weight * 5 / 4 })
        var agents = PostgresArrayLiteral(capacity: batch.count * 64)
        var parameters = PostgresArrayLiteral(capacity: batch.count * 16)
        for pending in batch {
            handovers.append(utf8: pending.call.handover)
            agents.append(pending.call.userAgent)
            parameters.append(utf8: pending.call.parameters)
        }
        return [.utf8(handovers.finish()), .utf8(agents.finish()), .utf8(parameters.finish())]
    }

    static func parameters(_ batch: [Gather.Pending]) -> [PostgresParameter] {
        var ids = PostgresArrayLiteral(capacity: batch.count * 36)
        var routes = PostgresArrayLiteral(capacity: batch.count * 8)
        var versions = PostgresArrayLiteral(capacity: batch.count * 8)
        var keys = PostgresArrayLiteral(capacity: batch.count * 96)
        var addresses = PostgresArrayLiteral(capacity: batch.count * 20)
        var agents = PostgresArrayLiteral(capacity: batch.count * 64)
        var parameters = PostgresArrayLiteral(capacity: batch.count * 16)
        var bodies = PostgresArrayLiteral(capacity: batch.reduce(0) { $0 + ($1.call.body?.count ?? 0) * 5 / 4 + 8 })
        var contexts = PostgresArrayLiteral(capacity: batch.count * 8)
        for pending in batch {
            let call = pending.call
            ids.append(call.requestID)
            routes.append(call.route.id)
            versions.append(call.route.version)
            keys.append(call.key)
            addresses.append(call.address)
            agents.append(call.userAgent)
            parameters.append(utf8: call.parameters)
            bodies.append(utf8: call.body)
            contexts.append(utf8: call.context)
        }
        return [
            .utf8(ids.finish()), .utf8(routes.finish()), .utf8(versions.finish()), .utf8(keys.finish()),
            .utf8(addresses.finish()), .utf8(agents.finish()), .utf8(parameters.finish()), .utf8(bodies.finish()),
            .utf8(contexts.finish()),
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
        let answer = row.withBytes(1) { outcome -> GatewayAnswer? in
            guard let outcome else { return nil }
            if outcome.holds("done") { return done(row).map(GatewayAnswer.done) }
            if outcome.holds("stale") { return .stale }
            if outcome.holds("replica") { return row.withBytes(4) { $0.map { .replica(handover: Array($0)) } } }
            let more = row.withBytes(6) { bytes in bytes.flatMap { try? JSONParser.parse($0) } }
            if outcome.holds("again") { return .again(alone: more?["sqlstate"] != nil) }
            if outcome.holds("call") { return more?["call_out"].flatMap(CallOut.init).map(GatewayAnswer.call) }
            guard outcome.holds("wait") else { return nil }
            let topics = more?["wait_for"]?.array?.compactMap(\.string) ?? []
            if topics.first == "secrets" { return .secrets(Array(topics.dropFirst())) }
            return .wait(
                topics: topics,
                until: more?["wait_until"]?.string ?? "",
                seconds: more?["wait_seconds"]?.number?.double ?? 0
            )
        }
        guard let answer else { return nil }
        return GatewayReply(answer: answer, hints: hints)
    }

    private static func done(_ row: PostgresRow) -> GatewayAnswer.Done? {
        guard let status = row.int(2), (100...599).contains(status) else { return nil }
        var done = GatewayAnswer.Done(
            status: status, headers: row.withBytes(3) { $0.map(headers) ?? HTTPFields() },
            body: row.withBytes(4) { $0.map { ByteBuffer(bytes: $0) } ?? ByteBuffer() }
        )
        row.withBytes(6) { bytes in
            guard let bytes else { return }
            if !takeUsual(bytes, &done), let more = try? JSONParser.parse(bytes) { take(more, &done) }
        }
        return done
    }

    /// What nearly every answer brings along: who called, and what decided. False where there is more to it.
    private static func takeUsual(_ bytes: UnsafeRawBufferPointer, _ done: inout GatewayAnswer.Done) -> Bool {
        var members = JSONMembers(bytes)
        while let (name, value) = members.next() {
            if name.holds("account") {
                done.account = JSONMembers.text(value)
            } else if name.holds("key") {
                done.key = JSONMembers.text(value)
            } else if name.holds("decision") {
                done.decision = Array(value)
            } else {
                return false
            }
        }
        return members.isWhole
    }

    private static func take(_ more: JSONValue, _ done: inout GatewayAnswer.Done) {
        done.account = more["account"]?.string
        done.key = more["key"]?.string
        done.decision = more["decision"].map(JSONText.encode)
        if done.status == 429 { done.refusal = more["deny"].flatMap(RepeatableRefusal.init) }
        done.sqlstate = more["sqlstate"]?.string
        done.fault = more["fault"].map(JSONText.string)
        if let reveal = more["reveal"]?.object {
            done.reveal = reveal.members.compactMap { member in member.value.string.map { (member.name, $0) } }
        }
    }

    /// Header fields out of a JSON object; those of one text each need no parser.
    private static func headers(_ bytes: UnsafeRawBufferPointer) -> HTTPFields {
        var list: [HTTPField] = []
        list.reserveCapacity(8)
        var members = JSONMembers(bytes)
        while let (name, value) = members.next() {
            guard let text = JSONMembers.text(value), let name = HTTPField.Name(String(decoding: name, as: UTF8.self))
            else { break }
            list.append(HTTPField(name: name, value: text))
        }
        guard members.isWhole else { return HTTPFields(json: try? JSONParser.parse(bytes)) }
        // All at once: HTTPFields takes one by one as it would take one in its middle.
        var fields = HTTPFields()
        fields.append(contentsOf: list)
        return fields
    }
}
