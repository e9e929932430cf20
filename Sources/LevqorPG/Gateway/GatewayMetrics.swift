/// What this process counted: requests by route and status, durations, batches, parked requests.
final class GatewayMetrics: Sendable {
    /// Upper bounds of the duration histogram, in seconds.
    static let bounds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    /// Duration histogram of one route.
    struct Histogram: Sendable {
        var buckets = [Int](repeating: 0, count: GatewayMetrics.bounds.count + 1)
        var sum = 0.0
        var count: Int { buckets.reduce(0, +) }
    }

    /// A route and a status.
    struct Key: Hashable, Sendable {
        let route: String
        let status: Int
    }

    /// Everything counted so far.
    struct Snapshot: Sendable {
        var requests: [Key: Int] = [:]
        var durations: [String: Histogram] = [:]
        var batches = 0
        var batchedCalls = 0
        var parked = 0
    }

    private let state = Locked(Snapshot())

    /// - Parameter route: method and pattern of the route, never the path itself, so that the label stays bounded.
    func noteRequest(route: String, status: Int, duration: Duration) {
        let seconds = duration.inSeconds
        let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        state.withLock { state in
            state.requests[Key(route: route, status: status), default: 0] += 1
            state.durations[route, default: Histogram()].buckets[bucket] += 1
            state.durations[route, default: Histogram()].sum += seconds
        }
    }

    func noteBatch(_ calls: Int) {
        state.withLock { state in
            state.batches += 1
            state.batchedCalls += calls
        }
    }

    func noteParked(_ change: Int) {
        state.withLock { $0.parked += change }
    }

    var snapshot: Snapshot { state.withLock { $0 } }
}
