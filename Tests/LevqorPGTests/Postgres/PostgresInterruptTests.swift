import Testing

@testable import LevqorPG

@Suite("Interrupts")
struct PostgresInterruptTests {
    @Test("a request for a call that has ended does not touch the next")
    func ignoresLateRequests() throws {
        let interrupt = try PostgresInterrupt()
        let first = interrupt.begin()
        interrupt.end()
        let second = interrupt.begin()
        interrupt.raise(first)
        #expect(!interrupt.isRaised)
        interrupt.raise(second)
        #expect(interrupt.isRaised)
        interrupt.end()
        #expect(!interrupt.isRaised)
    }

    @Test("a knock wakes the poll once")
    func wakes() throws {
        let interrupt = try PostgresInterrupt()
        interrupt.knock()
        interrupt.knock()
        #expect(PostgresPoll.wait(-1, 0, wake: interrupt.readEnd, until: .now + .seconds(30)).isWoken)
        interrupt.drain()
        #expect(!PostgresPoll.wait(-1, 0, wake: interrupt.readEnd, until: .now).isWoken)
    }
}
