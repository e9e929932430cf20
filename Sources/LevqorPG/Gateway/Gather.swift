import Dispatch

/// Where calls wait for a connection: while a statement is in flight, arriving calls gather, and the next one carries them all.
///
/// No call waits for a batch to fill: a free connection takes whatever is there, alone if it is alone. Only the connections
/// beyond the number of processors wait a moment, as batches in flight at the same time are smaller and cost more each:
/// they are for when the others do not come back, because they wait for locks or for the disk.
final class Gather: Sendable {
    /// A call and who waits for its answer.
    final class Pending: Sendable {
        let call: GatewayCall
        let enqueuedAt = ContinuousClock.now
        /// Told once, on any thread.
        let reply: @Sendable (Result<GatewayReply, GatewayFailure>) -> Void

        init(_ call: GatewayCall, reply: @escaping @Sendable (Result<GatewayReply, GatewayFailure>) -> Void) {
            self.call = call
            self.reply = reply
        }
    }

    private struct State {
        var pending: [Pending] = []
        var head = 0
        var idle: [CheckedContinuation<Void, Never>] = []
        /// Whether a worker has been woken that has not looked yet.
        var isWaking = false
        /// Whether somebody will call `wake` soon.
        var isWakePlanned = false
        var isClosed = false
        var connections = 0
        /// Batches in flight.
        var working = 0
        var hasTimer = false

        var count: Int { pending.count - head }
    }

    let name: String
    private let mostCalls: Int
    private let mostBytes: Int
    private let mostPending: Int
    private let eager: Int
    /// Whether there is another way for its calls: then none waits long, and none without a connection.
    private let isOptional: Bool
    private static let patience = Duration.milliseconds(50)
    private let state = Locked(State())

    /// - Parameters:
    ///   - mostCalls: bound of a batch in calls.
    ///   - mostBytes: bound of a batch in bytes; one call above it goes alone.
    ///   - mostPending: how many calls may wait; more are answered 503 at once.
    ///   - eager: with so many batches in flight, a further one waits until its oldest call has waited a moment.
    ///   - isOptional: whether its calls can go elsewhere; what is not served soon is answered `unavailable`.
    init(
        name: String, mostCalls: Int = 128, mostBytes: Int = 256 * 1024, mostPending: Int = 8192, eager: Int = .max,
        isOptional: Bool = false
    ) {
        self.name = name
        self.mostCalls = mostCalls
        self.mostBytes = mostBytes
        self.mostPending = mostPending
        self.eager = eager
        self.isOptional = isOptional
    }

    /// Hands a call over and waits for its reply. A caller that is cancelled still waits: its batch runs on for the others.
    func submit(_ call: GatewayCall) async -> Result<GatewayReply, GatewayFailure> {
        await withCheckedContinuation { continuation in
            if submit(call, reply: { continuation.resume(returning: $0) }) { wake() }
        }
    }

    /// Hands a call over.
    ///
    /// - Returns: whether the caller has to call `wake`: at once, or when it has handed over all that it has at hand.
    func submit(
        _ call: GatewayCall, reply: @escaping @Sendable (Result<GatewayReply, GatewayFailure>) -> Void
    ) -> Bool {
        let (refusal, isToWake): (String?, Bool) = state.withLock { state in
            if state.isClosed { return ("the server is stopping", false) }
            if isOptional, state.connections == 0 { return ("no connection", false) }
            if state.count >= mostPending { return ("too many calls are waiting", false) }
            state.pending.append(Pending(call, reply: reply))
            let isToWake = !state.isWakePlanned && !state.isWaking && !state.idle.isEmpty
            if isToWake { state.isWakePlanned = true }
            return (nil, isToWake)
        }
        if let refusal { reply(.failure(.unavailable(refusal))) }
        return isToWake
    }

    /// Wakes a connection that has nothing to do, when there are calls. One at a time: by the time it looks, it takes
    /// whatever is there.
    func wake() {
        let idle: CheckedContinuation<Void, Never>? = state.withLock { state in
            state.isWakePlanned = false
            return worker(&state)
        }
        idle?.resume()
    }

    /// The next batch for a connection; empty when there will be no more.
    func next() async -> [Pending] {
        var wasWoken = false
        while true {
            let (batch, another): ([Pending]?, CheckedContinuation<Void, Never>?) = state.withLock { state in
                if wasWoken { state.isWaking = false }
                if state.count > 0 {
                    state.working += 1
                    return (take(&state), worker(&state))
                }
                return (state.isClosed ? [] : nil, nil)
            }
            another?.resume()
            if let batch { return batch }
            await withCheckedContinuation { worker in
                let isToLook = state.withLock { state in
                    if state.count > 0 || state.isClosed { return true }
                    state.idle.append(worker)
                    return false
                }
                wasWoken = !isToLook
                if isToLook { worker.resume() }
            }
        }
    }

    /// Takes a batch back that was not sent. It is the first to go, by another connection.
    func putBack(_ batch: [Pending]) {
        state.withLock { $0.pending.insert(contentsOf: batch, at: $0.head) }
        wake()
    }

    /// To be told of each batch that `next` gave, when it is over.
    func noteDone() {
        state.withLock { $0.working -= 1 }
    }

    private func worker(_ state: inout State) -> CheckedContinuation<Void, Never>? {
        guard state.count > 0, !state.isWaking, !state.idle.isEmpty else { return nil }
        if state.working >= eager {
            let left = ContinuousClock.now.duration(to: state.pending[state.head].enqueuedAt + Self.patience)
            if left > .zero {
                wakeLater(&state, left)
                return nil
            }
        }
        state.isWaking = true
        return state.idle.popLast()
    }

    private func wakeLater(_ state: inout State, _ time: Duration) {
        guard !state.hasTimer else { return }
        state.hasTimer = true
        DispatchQueue.global().asyncAfter(deadline: .now() + .microseconds(time.microseconds + 1)) { [weak self] in
            guard let self else { return }
            self.state.withLock { $0.hasTimer = false }
            self.wake()
        }
    }

    /// Says whether a worker has a connection now.
    func noteConnection(_ isConnected: Bool) {
        state.withLock { $0.connections += isConnected ? 1 : -1 }
    }

    /// Answers the calls that have waited longer than `age` with 503, while nobody has a connection, or when there is
    /// another way for them.
    func expire(olderThan age: Duration) {
        let limit = ContinuousClock.now - age
        let expired: [Pending] = state.withLock { state in
            guard state.connections == 0 || isOptional else { return [] }
            var expired: [Pending] = []
            while state.head < state.pending.count, state.pending[state.head].enqueuedAt < limit {
                expired.append(state.pending[state.head])
                state.head += 1
            }
            compact(&state)
            return expired
        }
        for pending in expired {
            pending.reply(.failure(.unavailable("the database does not answer")))
        }
    }

    /// Lets no more calls in. Those that wait are still served.
    func close() {
        let idle = state.withLock { state in
            state.isClosed = true
            defer { state.idle = [] }
            return state.idle
        }
        for worker in idle { worker.resume() }
    }

    /// Lets no more calls in and answers those that wait with 503: nobody will serve them.
    func abandon() {
        close()
        let left = state.withLock { state in
            defer {
                state.pending = []
                state.head = 0
            }
            return Array(state.pending[state.head...])
        }
        for pending in left { pending.reply(.failure(.unavailable("the server is stopping"))) }
    }

    /// Whether it is closed and nobody waits any more.
    var isFinished: Bool {
        state.withLock { $0.isClosed && $0.count == 0 }
    }

    /// Calls that wait, and connections that serve them.
    var load: (pending: Int, connections: Int) {
        state.withLock { ($0.count, $0.connections) }
    }

    private func take(_ state: inout State) -> [Pending] {
        var bytes = 0
        var end = state.head
        while end < state.pending.count, end - state.head < mostCalls {
            let call = state.pending[end].call
            bytes += call.weight
            if end > state.head, bytes > mostBytes || call.route.lane == .alone { break }
            end += 1
            if call.route.lane == .alone { break }
        }
        let batch = Array(state.pending[state.head..<end])
        state.head = end
        compact(&state)
        return batch
    }

    private func compact(_ state: inout State) {
        if state.head == state.pending.count {
            state.pending.removeAll(keepingCapacity: true)
            state.head = 0
        } else if state.head > 1024 {
            state.pending.removeFirst(state.head)
            state.head = 0
        }
    }
}
