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
        /// Calls that the replica answered.
        var replicaAnswers = 0
        /// Calls that were meant for the replica, and went back to the primary.
        var replicaReturns = 0
        /// Calls to the outside that requests waited for: by response, or by kind of failure.
        var callOuts: [String: Int] = [:]
    }

    /// What is kept of a route: found by one look-up a request.
    private struct Route {
        var statuses: [Int: Int] = [:]
        var durations = Histogram()
    }

    private struct State {
        var routes: [String: Route] = [:]
        var others = Snapshot()
    }

    private let state = Locked(State())

    /// - Parameter route: method and pattern of the route, never the path itself, so that the label stays bounded.
    func noteRequest(route: String, status: Int, duration: Duration) {
        let seconds = duration.inSeconds
        let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        state.withLock { state in
            func note(_ route: inout Route) {
                route.statuses[status, default: 0] += 1
                route.durations.buckets[bucket] += 1
                route.durations.sum += seconds
            }
            note(&state.routes[route, default: Route()])
        }
    }

    func noteBatch(_ calls: Int) {
        state.withLock { state in
            state.others.batches += 1
            state.others.batchedCalls += calls
        }
    }

    func noteParked(_ change: Int) {
        state.withLock { $0.others.parked += change }
    }

    func noteReplica(answered: Bool) {
        state.withLock { state in
            if answered { state.others.replicaAnswers += 1 } else { state.others.replicaReturns += 1 }
        }
    }

    func noteCallOut(_ outcome: OutboundOutcome) {
        let name =
            switch outcome {
            case .response: "response"
            case .failure(let failure): failure.kind.rawValue
            }
        state.withLock { $0.others.callOuts[name, default: 0] += 1 }
    }

    var snapshot: Snapshot {
        state.withLock { state in
            var snapshot = state.others
            for (name, route) in state.routes {
                for (status, count) in route.statuses { snapshot.requests[Key(route: name, status: status)] = count }
                snapshot.durations[name] = route.durations
            }
            return snapshot
        }
    }
}
