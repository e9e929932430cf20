/// The delays between attempts: growing, capped and jittered, so that many clients do not come back at once.
///
/// A delay is never above `maximum` and never below `(1 - jitter)` of the step it belongs to.
struct Backoff: Sendable {
    private let initial: Duration
    private let maximum: Duration
    private let multiplier: Double
    private let jitter: Double
    private var step: Duration

    /// - Parameters:
    ///   - initial: the first step.
    ///   - maximum: the cap of every step.
    ///   - multiplier: how much a step grows; values below one count as one.
    ///   - jitter: the share of a step that is drawn at random, 0 (none) to 1 (full jitter).
    init(
        initial: Duration = .milliseconds(100),
        maximum: Duration = .seconds(10),
        multiplier: Double = 2,
        jitter: Double = 0.5
    ) {
        self.initial = max(.zero, min(initial, maximum))
        self.maximum = max(.zero, maximum)
        self.multiplier = max(1, multiplier)
        self.jitter = min(1, max(0, jitter))
        self.step = self.initial
    }

    /// The delay before the next attempt; the step after it is larger.
    mutating func next() -> Duration {
        var generator = SystemRandomNumberGenerator()
        return next(using: &generator)
    }

    /// The same with the caller's source of chance.
    mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        let current = step
        step = min(maximum, current * multiplier)
        guard jitter > 0 else { return current }
        return current * (1 - jitter * Double.random(in: 0...1, using: &generator))
    }

    /// Starts over with the first step; called after a success.
    mutating func reset() {
        step = initial
    }
}
