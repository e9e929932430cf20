import Logging

/// The way of a call: gathered with others, sent, and sent again where the answer asks for it.
struct Gateway: Sendable {
    let gathered: Gather
    let alone: Gather
    /// To a read replica, for calls that the primary handed over; nil: the server has none.
    var replica: Gather?
    let routes: RouteStore
    let hints: HintHub
    /// Tells the other servers of hints that came with answers.
    let notifier: HintNotifier
    let refusals: RefusalMemory
    let metrics: GatewayMetrics
    let logger: Logger
    let callOuts: CallOuts
    /// What functions of routes that take raw bodies may ask for.
    var secrets: NamedSecrets?

    /// A parked call looks for itself this often, hint or no hint.
    static let pollInterval = Duration.seconds(10)
    private static let mostTries = 3
    /// How often a continuation comes back to a database that is away, and how long it waits each time.
    private static let mostReturns = 20
    private static let returnPause = Duration.seconds(1)
    /// The longest that a call may stay parked, whatever it asks for.
    private static let longestWait = 3600.0

    /// What became of a call.
    enum Outcome: Sendable {
        case answer(GatewayAnswer.Done)
        case failure(GatewayFailure)
        /// The server is stopping while the call was parked.
        case stopping
        /// The client of a parked call left.
        case gone
        /// The route is not there any more.
        case routeGone
    }

    /// What the database said to a call's first sending, and what was known when it was sent.
    struct First: Sendable {
        let asked: RefusalMemory.Asked
        let result: Result<GatewayReply, GatewayFailure>
    }

    /// Sends a call the first time. Nearly always that is all: see `outcome`.
    ///
    /// - Parameter reply: told once, on any thread.
    /// - Returns: a lane to be woken when the caller has sent all that it has at hand.
    func send(_ call: GatewayCall, reply: @escaping @Sendable (First) -> Void) -> Gather? {
        let lane = call.route.lane == .alone ? alone : gathered
        let asked = refusals.ask()
        var call = call
        call.mayBeHandedOver = call.route.readsReplica && hasReplica
        return lane.submit(call) { reply(First(asked: asked, result: $0)) } ? lane : nil
    }

    /// The outcome, when the first answer is the last; nil: `run` has to go on from there.
    func outcome(_ first: First, of call: GatewayCall) -> Outcome? {
        guard case .success(let reply) = first.result, case .done(let done) = reply.answer else { return nil }
        post(reply.hints)
        refusals.remember(done, of: call, asked: first.asked)
        return .answer(done)
    }

    private func post(_ hints: [Hint]) {
        for hint in hints {
            if hint.topic == RefusalMemory.topic { refusals.forgetAll() }
            self.hints.post(hint)
            notifier.post(hint)
        }
    }

    /// Sends a call until it has an answer.
    ///
    /// - Parameters:
    ///   - first: what came of its first sending, if it was sent before.
    ///   - match: finds the route again when it has changed under the call.
    func run(
        _ initial: GatewayCall, after first: First? = nil, match: @Sendable (RouteTable) -> Route?
    ) async -> Outcome {
        var call = initial
        var first = first
        var isAlone = call.route.lane == .alone
        var tries = (stale: 0, again: 0, lost: 0, away: 0)
        var until: ContinuousClock.Instant?
        var overtime = 0
        var hasSecrets = false
        defer { if call.continuation != nil { callOuts.leave() } }

        while true {
            let reply: GatewayReply
            let asked = first?.asked ?? refusals.ask()
            let result: Result<GatewayReply, GatewayFailure>
            if let sent = first {
                result = sent.result
                first = nil
            } else {
                result = await (isAlone ? alone : gathered).submit(call)
            }
            switch result {
            case .success(let success): reply = success
            case .failure(.outcomeUnknown) where call.isRepeatable && tries.lost < 1:
                tries.lost += 1
                continue
            case .failure(.refused(let error)) where error.isWorthRepeating && tries.again < Self.mostTries:
                // The guard itself met a lock: nothing was done and nothing charged.
                tries.again += 1
                isAlone = true
                continue
            case .failure(let failure)
            where call.continuation != nil && tries.away < Self.mostReturns && failure.isOfAbsence:
                // The outside has done its part: what is to follow waits for the database, as long as there may be one.
                if gathered.isFinished { return .failure(failure) }
                tries.away += 1
                await Task { try? await Task.sleep(for: Self.returnPause) }.value
                continue
            case .failure(let failure): return .failure(failure)
            }

            post(reply.hints)

            switch reply.answer {
            case .done(let done):
                refusals.remember(done, of: call, asked: asked)
                return .answer(done)
            case .stale:
                tries.stale += 1
                if tries.stale > Self.mostTries { return .failure(.unavailable("the routes keep changing")) }
                if let route = match(routes.table), route.version != call.route.version || route.id != call.route.id {
                    call.route = route
                } else {
                    await routes.reload()
                    guard let route = match(routes.table) else { return .routeGone }
                    call.route = route
                }
                isAlone = isAlone || call.route.lane == .alone
            case .again(let hitItself):
                if hitItself {
                    tries.again += 1
                    // A deadlocked call is retried alone, at most twice.
                    if tries.again > 2 { return .failure(.unavailable("it kept meeting locks")) }
                    isAlone = true
                }
                call.isAdmitted = true
            case .replica(let handover):
                if let done = await askReplica(call, handover) { return .answer(done) }
                // It was charged, and the reader is not to know that the replica is away.
                call.isAdmitted = true
            case .wait(let topics, let untilText, let seconds):
                let end = until ?? .now + .seconds(seconds.isFinite ? min(max(seconds, 0), Self.longestWait) : 0)
                until = end
                call.isAdmitted = true
                // The end that it asked for first: it has to answer from then on.
                call.waitUntil = call.waitUntil ?? untilText
                // Whatever it met before it waited is over.
                isAlone = call.route.lane == .alone
                tries = (0, 0, 0, 0)
                let left = end - .now
                if left <= .zero { overtime += 1 }
                // Two clocks may differ by a moment, and that is all.
                if overtime > 3 { return .failure(.unavailable("the function waits beyond its own end")) }
                if let outcome = await park(topics, atMost: max(left, .milliseconds(20))) { return outcome }
            case .secrets(let names):
                guard !hasSecrets, hand(names, to: &call) else {
                    return .failure(.unavailable("the function asks for secrets that its route does not get"))
                }
                hasSecrets = true
            case .call(let callOut):
                if call.continuation == nil { callOuts.enter() }
                // From here on it has a continuation: the defer above counts on it.
                let outcome = await callOuts.perform(callOut, requestID: call.requestID)
                call.continuation = callOut.continued(with: CallOutOutcome.describe(outcome))
                metrics.noteCallOut(outcome)
                call.isAdmitted = true
                isAlone = call.route.lane == .alone
                // Whatever it met, and waited for, before it called out is over.
                (call.waitUntil, until, overtime, tries) = (nil, nil, 0, (0, 0, 0, 0))
            }
        }
    }

    /// Parks a call until it is worth asking again; gives its outcome when it is not to be asked again.
    private func park(_ topics: [String], atMost left: Duration) async -> Outcome? {
        let poll = Self.pollInterval * Double.random(in: 0.8...1.2)
        metrics.noteParked(1)
        let wake = await hints.wait(for: topics, atMost: min(left, poll))
        metrics.noteParked(-1)
        switch wake {
        case .shutdown: return .stopping
        case .cancelled: return .gone
        case .hint(let topic):
            guard Task.isCancelled else { return nil }
            // The client left as the hint came: the work is for somebody else.
            if let topic { hints.post(Hint(topic: topic, count: 1)) }
            return .gone
        case .time: return Task.isCancelled ? .gone : nil
        }
    }
}
