/// When each background loop last did its work well. A loop that dies in silence is seen here.
final class Heartbeats: Sendable {
    private struct Beat {
        let allowed: Duration
        var last: ContinuousClock.Instant
    }

    private let beats = Locked<[String: Beat]>([:])

    /// Registers a loop.
    ///
    /// - Parameter allowed: how long it may go without a success before the server is not ready.
    func expect(_ name: String, within allowed: Duration) {
        beats.withLock { $0[name] = Beat(allowed: allowed, last: .now) }
    }

    /// A success.
    func beat(_ name: String) {
        beats.withLock { $0[name]?.last = .now }
    }

    /// Seconds since the last success of each loop, and whether that is too long.
    var ages: [(name: String, seconds: Double, isLate: Bool)] {
        beats.withLock { beats in
            beats.sorted { $0.key < $1.key }.map { name, beat in
                let age = beat.last.duration(to: .now)
                return (name, age.inSeconds, age > beat.allowed)
            }
        }
    }
}
