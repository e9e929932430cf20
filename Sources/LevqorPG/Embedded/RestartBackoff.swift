/// How long supervision waits before it starts a dead cluster again.
///
/// The first start is at once; a cluster that dies again soon waits twice as long each time, up to 30 seconds, and
/// one that lived for a minute begins anew.
struct RestartBackoff: Sendable {
    static let longest = Duration.seconds(30)
    static let healthyAfter = Duration.seconds(60)

    private var failures = 0

    /// The wait before the next start.
    /// - Parameters:
    ///   - lived: how long the cluster ran since the last start; nil when that start failed.
    ///   - jitter: 0 to 1; two servers must not try in step.
    mutating func next(lived: Duration?, jitter: Double) -> Duration {
        if let lived, lived >= Self.healthyAfter { failures = 0 }
        defer { failures = min(failures + 1, 16) }
        guard failures > 0 else { return .zero }
        let full = min(Self.longest, .milliseconds(500) * (1 << (failures - 1)))
        return full * (0.5 + 0.5 * min(max(jitter, 0), 1))
    }
}
