import Testing

@testable import LevqorPG

@Suite("Backoff")
struct BackoffTests {
    @Test("steps grow by the multiplier up to the maximum")
    func growsToTheMaximum() {
        var backoff = Backoff(initial: .milliseconds(100), maximum: .milliseconds(500), multiplier: 2, jitter: 0)
        let delays = (0..<5).map { _ in backoff.next() }
        #expect(delays == [100, 200, 400, 500, 500].map { .milliseconds($0) })
    }

    @Test("a reset starts over")
    func resets() {
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(1), multiplier: 3, jitter: 0)
        _ = backoff.next()
        _ = backoff.next()
        backoff.reset()
        #expect(backoff.next() == .milliseconds(100))
    }

    @Test("jitter takes away at most its share, and not always the same")
    func jitters() {
        var backoff = Backoff(initial: .seconds(1), maximum: .seconds(1), multiplier: 2, jitter: 0.4)
        let delays = (0..<200).map { _ in backoff.next() }
        #expect(delays.allSatisfy { $0 >= .milliseconds(600) && $0 <= .seconds(1) })
        #expect(Set(delays).count > 100)
    }

    @Test("a thousand attempts do not overflow")
    func staysCapped() {
        var backoff = Backoff(initial: .milliseconds(1), maximum: .seconds(30), multiplier: 10, jitter: 0)
        for _ in 0..<1000 { _ = backoff.next() }
        #expect(backoff.next() == .seconds(30))
    }

    @Test("senseless arguments are bounded", arguments: [(0.1, 0.0), (2.0, 7.0), (2.0, -1.0)])
    func boundsItsArguments(multiplier: Double, jitter: Double) {
        var backoff = Backoff(initial: .seconds(9), maximum: .seconds(3), multiplier: multiplier, jitter: jitter)
        for _ in 0..<50 {
            let delay = backoff.next()
            #expect(delay >= .zero && delay <= .seconds(3))
        }
    }
}
