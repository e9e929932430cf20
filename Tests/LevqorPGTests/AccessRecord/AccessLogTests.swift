import Testing

@testable import LevqorPG

@Suite("Rows on their way into the access record")
struct AccessLogTests {
    static func row(_ id: String, address: String = "192.0.2.1", decision: String? = nil) -> AccessRow {
        AccessRow(
            at: WallClock(seconds: 1_700_000_000, nanoseconds: 123_456_789), requestID: id, account: nil, key: nil,
            route: "POST /t", status: 200, micros: 5, bytesIn: 1, bytesOut: 2, address: address, rateLimit: nil,
            rateLimitPolicy: nil, decision: decision.map { Array($0.utf8) }
        )
    }

    private static func ids(_ batch: AccessLog.Batch) -> [String] { batch.rows.map(\.requestID) }

    @Test("They come out in the order they came, in pieces of the size asked for")
    func order() {
        let log = AccessLog()
        for number in 0..<5 { log.note(Self.row("\(number)")) }
        #expect(Self.ids(log.take(atMost: 3)) == ["0", "1", "2"])
        #expect(log.figures.waiting == 2)
        #expect(Self.ids(log.take(atMost: 3)) == ["3", "4"])
        #expect(Self.ids(log.take(atMost: 3)) == [])
    }

    @Test("When nobody takes them the newest are dropped, and that is told once")
    func dropped() {
        let log = AccessLog(mostRows: 3)
        for number in 0..<5 { log.note(Self.row("\(number)")) }
        let batch = log.take(atMost: 10)
        #expect(Self.ids(batch) == ["0", "1", "2"])
        #expect(batch.dropped == 2)
        log.note(Self.row("5"))
        #expect(log.take(atMost: 10).dropped == 0)
        #expect(log.figures.dropped == 2)
    }

    @Test("What could not be written is the first to be written next, and stays within the bound")
    func putBack() {
        let log = AccessLog(mostRows: 3)
        for number in 0..<4 { log.note(Self.row("\(number)")) }
        let batch = log.take(atMost: 2)
        log.note(Self.row("4"))
        log.note(Self.row("5"))
        log.putBack(batch)
        #expect(log.figures.waiting == 3)
        let again = log.take(atMost: 10)
        #expect(Self.ids(again) == ["0", "1", "2"])
        // "3" found no place, and "4" and "5" gave theirs back.
        #expect(again.dropped == 3)
        #expect(log.figures.dropped == 3)
    }

    @Test("What is given up counts as dropped, with what was dropped before")
    func givenUp() {
        let log = AccessLog(mostRows: 2)
        for number in 0..<3 { log.note(Self.row("\(number)")) }
        log.giveUp(log.take(atMost: 10))
        let batch = log.take(atMost: 10)
        #expect(batch.rows.isEmpty)
        #expect(batch.dropped == 3)
        #expect(log.figures.dropped == 3)
    }

    @Test("A full batch ends the wait, and so does the end")
    func wait() async {
        let log = AccessLog(fullBatch: 2)
        let waiting = Task { await log.waitForRows(atMost: .seconds(3600)) }
        log.note(Self.row("0"))
        log.note(Self.row("1"))
        await waiting.value
        _ = log.take(atMost: 10)
        let last = Task { await log.waitForRows(atMost: .seconds(3600)) }
        log.close()
        await last.value
        #expect(log.isClosed)
        await log.waitForRows(atMost: .seconds(3600))
    }

    @Test("Time ends the wait")
    func time() async {
        let log = AccessLog()
        log.note(Self.row("0"))
        await log.waitForRows(atMost: .milliseconds(1))
        #expect(Self.ids(log.take(atMost: 1)) == ["0"])
    }

    @Test("Many writers lose nothing")
    func writers() async {
        let log = AccessLog()
        await withTaskGroup(of: Void.self) { group in
            for writer in 0..<8 {
                group.addTask { for number in 0..<500 { log.note(Self.row("\(writer)-\(number)")) } }
            }
        }
        var ids: Set<String> = []
        while case let batch = log.take(atMost: 700), !batch.rows.isEmpty { ids.formUnion(batch.rows.map(\.requestID)) }
        #expect(ids.count == 4000)
    }
}
