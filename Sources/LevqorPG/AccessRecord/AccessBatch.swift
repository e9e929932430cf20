/// Turns rows of the access record into the arguments of access.record_many.
enum AccessBatch {
    static let statement = """
        select access.record_many($1, $2::bigint, $3::timestamptz[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], \
        $8::integer[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bytea[], $13::text[], $14::text[], $15::text[])
        """

    static func parameters(_ batch: AccessLog.Batch, server: String, hash: AddressHash) -> [PostgresParameter] {
        func column(_ bytes: Int) -> PostgresArrayLiteral { PostgresArrayLiteral(capacity: batch.rows.count * bytes) }
        var times = column(32)
        var ids = column(40)
        var accounts = column(40)
        var keys = column(40)
        var routes = column(32)
        var statuses = column(4)
        var micros = column(8)
        var bytesIn = column(8)
        var bytesOut = column(8)
        var hashes = column(40)
        var limits = column(160)
        var policies = column(160)
        var decisions = column(64)
        var clock = ClockText()
        for row in batch.rows {
            times.append(clock.text(row.at))
            ids.append(row.requestID)
            accounts.append(row.account)
            keys.append(row.key)
            routes.append(row.route)
            statuses.append(row.status)
            micros.append(row.micros)
            bytesIn.append(row.bytesIn)
            bytesOut.append(row.bytesOut)
            hashes.append(hexadecimal(hash.hash(row.address)))
            limits.append(row.rateLimit)
            policies.append(row.rateLimitPolicy)
            decisions.append(utf8: row.decision)
        }
        return [
            .text(server), .int(batch.dropped), .utf8(times.finish()), .utf8(ids.finish()), .utf8(accounts.finish()),
            .utf8(keys.finish()), .utf8(routes.finish()), .utf8(statuses.finish()), .utf8(micros.finish()),
            .utf8(bytesIn.finish()), .utf8(bytesOut.finish()), .utf8(hashes.finish()), .utf8(limits.finish()),
            .utf8(policies.finish()), .utf8(decisions.finish()),
        ]
    }

    /// Times as text: rows of one second share its calendar.
    private struct ClockText {
        private var second = Int.min
        private var start = ""

        mutating func text(_ time: WallClock) -> String {
            if time.seconds != second { (second, start) = (time.seconds, time.textToTheSecond + ".") }
            let fraction = String(1_000_000 + time.nanoseconds / 1000)
            return start + fraction.dropFirst() + "Z"
        }
    }

    /// A bytea in its text form.
    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: 2 + 2 * bytes.count) { text in
            text[0] = UInt8(ascii: "\\")
            text[1] = UInt8(ascii: "x")
            for (place, byte) in bytes.enumerated() {
                for half in 0..<2 {
                    let digit = half == 0 ? byte >> 4 : byte & 15
                    text[2 + 2 * place + half] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
                }
            }
            return 2 + 2 * bytes.count
        }
    }
}
