import Testing

@testable import LevqorPG

@Suite("Heartbeats")
struct HeartbeatsTests {
    /// A clock that stands still until it is moved.
    private final class Hands: Sendable {
        let at = Locked(ContinuousClock.now)

        func move(_ seconds: Int) { at.withLock { $0 += .seconds(seconds) } }
    }

    @Test("A loop is late when its last success is too old, until the next one")
    func late() {
        let hands = Hands()
        let heartbeats = Heartbeats { hands.at.withLock { $0 } }
        heartbeats.expect("slow", within: .seconds(3600))
        heartbeats.expect("quick", within: .seconds(60))
        heartbeats.beat("unknown")
        hands.move(61)
        #expect(heartbeats.ages.map(\.name) == ["quick", "slow"])
        #expect(heartbeats.ages.map(\.seconds) == [61, 61])
        #expect(heartbeats.ages.map(\.isLate) == [true, false])
        heartbeats.beat("quick")
        #expect(heartbeats.ages.map(\.isLate) == [false, false])
    }

    @Test("A loop that rests is not late; from when it has work again, its time counts")
    func rests() {
        let hands = Hands()
        let heartbeats = Heartbeats { hands.at.withLock { $0 } }
        heartbeats.expect("report", within: .seconds(60))
        heartbeats.rest("report")
        hands.move(1000)
        #expect(heartbeats.ages.map(\.seconds) == [0])
        heartbeats.wake("report")
        hands.move(50)
        // Work that comes on top gives it no new time.
        heartbeats.wake("report")
        #expect(heartbeats.ages.map(\.isLate) == [false])
        hands.move(11)
        #expect(heartbeats.ages.map(\.isLate) == [true])
        heartbeats.rest("report")
        #expect(heartbeats.ages.map(\.isLate) == [false])
    }
}
