/// When each background loop last did its work well. A loop that stands still is seen here.
final class Heartbeats: Sendable {
    private struct Beat {
        let allowed: Duration
        var last: ContinuousClock.Instant
        /// It has nothing to do, and cannot be late.
        var isResting = false
    }

    private let beats = Locked<[String: Beat]>([:])
    private let now: @Sendable () -> ContinuousClock.Instant

    /// - Parameter now: the clock; tests have one that they move.
    init(now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        self.now = now
    }

    /// Registers a loop.
    ///
    /// - Parameter allowed: how long it may go without a success before the server is not ready.
    func expect(_ name: String, within allowed: Duration) {
        beats.withLock { $0[name] = Beat(allowed: allowed, last: now()) }
    }

    /// A success.
    func beat(_ name: String) {
        beats.withLock { $0[name]?.last = now() }
    }

    /// There is something to do for a loop that rested; from now on it may be late.
    func wake(_ name: String) {
        beats.withLock { beats in
            guard beats[name]?.isResting == true else { return }
            beats[name]?.isResting = false
            beats[name]?.last = now()
        }
    }

    /// All is done: the loop waits for work, however long that takes. Its age is told as 0.
    func rest(_ name: String) {
        beats.withLock { $0[name]?.isResting = true }
    }

    /// Seconds since the last success of each loop, and whether that is too long.
    var ages: [(name: String, seconds: Double, isLate: Bool)] {
        beats.withLock { beats in
            beats.sorted { $0.key < $1.key }.map { name, beat in
                let age = beat.isResting ? .zero : beat.last.duration(to: now())
                return (name, age.inSeconds, age > beat.allowed)
            }
        }
    }
}
