import Testing

@testable import LevqorPG

@Suite("Parts of the transport")
struct OutboundPartsTests {
    private func headers(_ lines: String...) -> ResponseHeaders {
        var headers = ResponseHeaders()
        for line in lines {
            #expect(Array(line.utf8).withUnsafeBytes { headers.take($0) })
        }
        return headers
    }

    @Test("interim answers are forgotten and trailers ignored")
    func interimAndTrailers() {
        let found = headers(
            "HTTP/1.1 103 Early\r\n", "Link: x\r\n", "\r\n", "HTTP/1.1 200 OK\r\n", "A: 1\r\n", "\r\n", "Late: 1\r\n"
        )
        #expect(found.kept == [.init(name: "a", value: "1")])
    }

    @Test("header values are trimmed, repaired and cut, and their number is bounded")
    func bounds() {
        var found = headers("A:\t b c \r\n", "no colon\r\n", "B:\r\n")
        #expect(found.kept == [.init(name: "a", value: "b c"), .init(name: "b", value: "")])
        #expect([0x43, 0x3a, 0xff].map(UInt8.init).withUnsafeBytes { found.take($0) })
        #expect(found.kept.last?.value == "\u{fffd}")
        let long = Array(("D: " + String(repeating: "x", count: 9000)).utf8)
        #expect(long.withUnsafeBytes { found.take($0) })
        #expect(found.kept.last?.value.count == ResponseHeaders.longestValue)
        for _ in 0..<100 { _ = Array("E: 1\r\n".utf8).withUnsafeBytes { found.take($0) } }
        #expect(found.kept.count == ResponseHeaders.mostKept)
        let huge = [UInt8](repeating: 0x41, count: ResponseHeaders.mostBytes)
        #expect(!huge.withUnsafeBytes { found.take($0) })
    }

    @Test("the queue gives in order, and lets go of those in the middle")
    func queue() {
        var queue = TicketQueue<String>()
        for (ticket, value) in ["a", "b", "c", "d", "e"].enumerated() { queue.append(value, as: UInt64(ticket)) }
        #expect(queue.popFirst()?.value == "a")
        #expect(queue.remove(0) == nil)
        #expect(queue.remove(2) == "c")
        #expect(queue.remove(2) == nil)
        #expect(queue.removeAll { $0 == "d" } == [3])
        #expect(Array(queue.values) == ["b", "e"])
        #expect(queue.popFirst()?.value == "b")
        #expect(queue.popFirst()?.ticket == 4)
        #expect(queue.popFirst() == nil)
        #expect(queue.isEmpty)
        queue.append("f", as: 9)
        #expect(queue.popFirst()?.value == "f")
    }

    @Test(
        "milliseconds are rounded up and bounded",
        arguments: [
            (Duration.zero, 0), (.milliseconds(5), 5), (.microseconds(1), 1), (.microseconds(1001), 2),
            (.seconds(30), 30_000),
            (.seconds(Int64.max), Int(Int32.max)), (.milliseconds(-5), -5), (.seconds(Int64.min / 2), Int(Int32.min)),
        ]
    )
    func milliseconds(duration: Duration, expected: Int) {
        #expect(duration.wholeMilliseconds == expected)
    }
}
