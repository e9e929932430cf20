import ServiceLifecycle

/// Asks the outside for requests that wait for it with no connection: bounded in number and in time.
///
/// It has a transport of its own, so that neither messages that go out nor call-outs take the other's places.
final class CallOuts: Service {
    /// Under way at once; beyond it a continuation is told so, and nothing is sent.
    static let most = 256
    /// How long those under way may go on when the server stops.
    private static let drainTime = Duration.seconds(6)
    /// How long requests get then to make their answers.
    private static let answerTime = Duration.seconds(3)

    private struct State {
        /// Transfers under way.
        var transfers = 0
        /// Requests that have called out and are not answered yet.
        var requests = 0
        var idle: [CheckedContinuation<Void, Never>] = []
    }

    private let transport: HTTPTransport
    private let signer: RequestSigner
    private let most: Int
    private let state = Locked(State())

    init(transport: HTTPTransport, signer: RequestSigner, most: Int = CallOuts.most) {
        self.transport = transport
        self.signer = signer
        self.most = most
    }

    /// Transfers under way now.
    var inFlight: Int { state.withLock { $0.transfers } }

    /// Sends a request and gives what came of it. Goes on when the client leaves: who asked for it has begun something, and
    /// is to know how it ended.
    func perform(_ callOut: CallOut, requestID: String) async -> OutboundOutcome {
        let isFree = state.withLock { state in
            guard state.transfers < most else { return false }
            state.transfers += 1
            return true
        }
        guard isFree else { return .failure(OutboundFailure(.busy, "\(most) calls to the outside are under way")) }
        // A task of its own is not cancelled with the client's.
        let outcome = await Task { await send(callOut.outbound(id: requestID), callOut) }.value
        state.withLock { $0.transfers -= 1 }
        return outcome
    }

    private func send(_ request: OutboundRequest, _ callOut: CallOut) async -> OutboundOutcome {
        var request = request
        let start = ContinuousClock.now
        if let specification = callOut.request["signer"] {
            switch await signer.sign(request, with: specification, at: WallClock.now().seconds) {
            case .failure(let failure): return .failure(failure)
            case .success(let signed): request = signed
            }
            // Whoever gives access tokens may have been slow.
            request.totalTimeout -= start.duration(to: .now)
            guard request.totalTimeout > .zero else {
                return .failure(OutboundFailure(.timeout, "the time was over before the request was sent"))
            }
        }
        return await transport.send(request)
    }

    // MARK: Life

    /// A request has called out for the first time.
    func enter() { state.withLock { $0.requests += 1 } }

    /// It is answered.
    func leave() {
        let idle = state.withLock { state in
            state.requests -= 1
            guard state.requests == 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.idle = [] }
            return state.idle
        }
        for waiting in idle { waiting.resume() }
    }

    /// Lives until the group shuts down. List it behind the lanes: what is under way then ends, or is told that the server
    /// stops, and has its answer made while there are connections.
    func run() async throws {
        try? await gracefulShutdown()
        if !Task.isCancelled { await idle(atMost: Self.drainTime) }
        await transport.shutdown()
        await idle(atMost: Self.answerTime)
    }

    private func idle(atMost time: Duration) async {
        let timer = Task {
            guard (try? await Task.sleep(for: time)) != nil else { return }
            wakeIdle()
        }
        await withCheckedContinuation { waiting in
            let isIdle = state.withLock { state in
                if state.requests == 0 { return true }
                state.idle.append(waiting)
                return false
            }
            if isIdle { waiting.resume() }
        }
        timer.cancel()
    }

    private func wakeIdle() {
        let idle = state.withLock { state in
            defer { state.idle = [] }
            return state.idle
        }
        for waiting in idle { waiting.resume() }
    }
}
