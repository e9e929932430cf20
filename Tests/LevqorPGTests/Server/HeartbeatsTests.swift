import Testing

@testable import LevqorPG

@Suite("Heartbeats")
struct HeartbeatsTests {
    @Test("A loop is late when its last success is too old, until the next one")
    func late() {
        let heartbeats = Heartbeats()
        heartbeats.expect("slow", within: .seconds(3600))
        heartbeats.expect("quick", within: .nanoseconds(-1))
        heartbeats.beat("unknown")
        #expect(heartbeats.ages.map(\.name) == ["quick", "slow"])
        #expect(heartbeats.ages.map(\.isLate) == [true, false])
    }
}
