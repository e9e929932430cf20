import Testing

@testable import LevqorPG

@Suite("Wait queue")
struct PostgresWaitQueueTests {
    @Test("those who wait come out in order, and who left does not")
    func isFair() {
        var queue = PostgresWaitQueue<String>()
        for (ticket, name) in ["a", "b", "c", "d"].enumerated() { queue.append(name, ticket: UInt64(ticket)) }
        #expect(queue.remove(ticket: 1) == "b")
        #expect(queue.remove(ticket: 1) == nil)
        #expect(queue.popFirst() == "a")
        #expect(queue.remove(ticket: 0) == nil)
        #expect(queue.count == 2)
        #expect(queue.removeAll() == ["c", "d"])
        #expect(queue.popFirst() == nil)
    }

    @Test("each waiter comes out once through many rounds of both ways out")
    func losesNobody() {
        var queue = PostgresWaitQueue<UInt64>()
        var taken: [UInt64] = []
        for ticket in UInt64(0)..<10_000 {
            queue.append(ticket, ticket: ticket)
            if ticket % 3 == 0, let first = queue.popFirst() { taken.append(first) }
            if ticket % 5 == 0, let some = queue.remove(ticket: ticket / 2) { taken.append(some) }
        }
        taken += queue.removeAll()
        #expect(taken.sorted() == Array(0..<10_000))
        #expect(queue.count == 0)
    }
}
