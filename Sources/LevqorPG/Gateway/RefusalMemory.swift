/// Callers that the database has refused until a time, so that they are answered without it.
///
/// Bounded: when it is full the oldest goes, and its caller is refused by the database again. A refusal counts from when the
/// call was sent, not from when the answer came, so that nobody is refused here who is due there. What happens to the
/// policies is heard by a hint; without the hint a refusal is forgotten after a minute at most.
final class RefusalMemory: Sendable {
    /// The topic whose hint says that policies changed.
    static let topic = "limits"
    private static let longest = 60.0
    /// Further ends are not told apart.
    private static let furthest = 1e9

    /// A refusal that holds now.
    struct Found: Sendable {
        let template: RefusalTemplate
        /// Whole seconds until it ends, at least 1.
        let seconds: Int
        /// When it ends, in Unix time.
        let reset: Int
        /// What decided, as JSON text for the access record.
        let decision: [UInt8]?
        /// Whose call it was that the database refused, where that is this caller.
        let account: String?
        let key: String?
    }

    /// When a call was sent, and what was known then.
    struct Asked: Sendable {
        let at: ContinuousClock.Instant
        let time: WallClock
        fileprivate let generation: Int
    }

    private enum Subject: Hashable {
        case address(IPAddress, routeClass: String)
        case key(String, account: String?, routeClass: String)
        case all(routeClass: String)
    }

    private struct Entry {
        /// When the refusal ends, which its figures tell.
        let end: ContinuousClock.Instant
        /// When the database is asked again all the same.
        let forgetAt: ContinuousClock.Instant
        let reset: Int
        let template: RefusalTemplate
        /// What everybody is told for whom it holds.
        let decision: [UInt8]?
        let caller: Caller
    }

    /// Whom the database refused: only to him may the whole decision, and whose it was, be put down.
    private struct Caller {
        let keyText: String?
        let actsFor: String?
        let decision: [UInt8]?
        let account: String?
        let key: String?
    }

    private struct State {
        var entries: [Subject: Entry] = [:]
        /// The keys of `entries`, each once, oldest first.
        var order: [Subject] = []
        var head = 0
        /// Templates by what they were made from, so that callers refused alike share one.
        var templates: [[String]: RefusalTemplate] = [:]
        var generation = 0
        var answered = 0
    }

    private static let mostTemplates = 256

    private let mostEntries: Int
    private let state = Locked(State())

    init(mostEntries: Int = 20_000) {
        self.mostEntries = mostEntries
    }

    /// How many callers are remembered, and how many requests were answered by that.
    var figures: (remembered: Int, answered: Int) { state.withLock { ($0.entries.count, $0.answered) } }

    /// To be taken before a call is sent whose refusal may be remembered.
    func ask() -> Asked {
        Asked(at: .now, time: .now(), generation: state.withLock { $0.generation })
    }

    /// Remembers what the database said of a call. Nothing when it has been told to forget since the call was sent.
    func remember(_ done: GatewayAnswer.Done, of call: GatewayCall, asked: Asked) {
        guard let refusal = done.refusal, let subject = Self.subject(refusal, call) else { return }
        let seconds = min(refusal.seconds, Self.furthest)
        let entry: (RefusalTemplate) -> Entry = { template in
            Entry(
                end: asked.at + .seconds(seconds), forgetAt: asked.at + .seconds(min(seconds, Self.longest)),
                reset: Int((Double(asked.time.seconds) + Double(asked.time.nanoseconds) / 1e9 + seconds).rounded(.up)),
                template: template, decision: Self.decision(done.decision, isOwn: false),
                caller: Caller(
                    keyText: call.key, actsFor: call.account, decision: Self.decision(done.decision, isOwn: true),
                    account: done.account, key: done.key
                )
            )
        }
        state.withLock { state in
            guard state.generation == asked.generation, let template = Self.template(refusal, &state) else { return }
            if state.entries.updateValue(entry(template), forKey: subject) == nil { state.order.append(subject) }
            makeRoom(&state, now: asked.at)
        }
    }

    /// The refusal that holds for a call, if there is one; of several, the one that ends last.
    func find(
        routeClass: String, address: IPAddress, key: String?, account: String?, at now: ContinuousClock.Instant = .now
    ) -> Found? {
        state.withLock { state in
            guard !state.entries.isEmpty else { return nil }
            var last: Entry?
            func look(_ subject: Subject) {
                if let entry = state.entries[subject], entry.forgetAt > now, entry.end > last?.end ?? now {
                    last = entry
                }
            }
            if let key { look(.key(key, account: account, routeClass: routeClass)) }
            look(.address(Self.network(address), routeClass: routeClass))
            look(.all(routeClass: routeClass))
            guard let last else { return nil }
            state.answered += 1
            let isOwn = key != nil && key == last.caller.keyText && account == last.caller.actsFor
            return Found(
                template: last.template, seconds: max(1, Int(now.duration(to: last.end).inSeconds.rounded(.up))),
                reset: last.reset, decision: isOwn ? last.caller.decision : last.decision,
                account: isOwn ? last.caller.account : nil, key: isOwn ? last.caller.key : nil
            )
        }
    }

    /// Forgets everything, also what is still under way: everybody is asked about anew.
    func forgetAll() {
        state.withLock { state in
            state.entries = [:]
            state.order = []
            state.head = 0
            state.templates = [:]
            state.generation += 1
        }
    }

    private static func subject(_ refusal: RepeatableRefusal, _ call: GatewayCall) -> Subject? {
        switch refusal.reach {
        case .all: .all(routeClass: refusal.routeClass)
        case .key: call.key.map { .key($0, account: call.account, routeClass: refusal.routeClass) }
        case .address:
            IPAddress(call.address).map { .address(network($0), routeClass: refusal.routeClass) }
        }
    }

    /// A caller has a whole /64 of IPv6, and may take a new address of it for each call.
    private static func network(_ address: IPAddress) -> IPAddress {
        address.family == .v4 ? address : IPAddress(v6high: address.high, low: 0)
    }

    private static func template(_ refusal: RepeatableRefusal, _ state: inout State) -> RefusalTemplate? {
        let source = refusal.headers.flatMap { [$0.name, $0.value] } + [refusal.body]
        if let template = state.templates[source] { return template }
        guard let template = RefusalTemplate(refusal) else { return nil }
        if state.templates.count >= mostTemplates { state.templates = [:] }
        state.templates[source] = template
        return template
    }

    /// The decision with `memory` among its flags. Of another caller's only what is the same for all: the policies.
    private static func decision(_ decision: [UInt8]?, isOwn: Bool) -> [UInt8]? {
        let members = decision.flatMap { try? JSONParser.parse($0) }?.object?.members ?? []
        let flags = members.first { $0.name == "flags" }?.value.array ?? []
        return JSONText.encode(
            .object(
                members.filter { $0.name != "flags" && (isOwn || $0.name == "violated") }.map { ($0.name, $0.value) }
                    + [("flags", .array(flags + [.string("memory")]))]
            )
        )
    }

    /// Lets the oldest go while they are over, or too many.
    private func makeRoom(_ state: inout State, now: ContinuousClock.Instant) {
        while state.head < state.order.count {
            let oldest = state.order[state.head]
            guard state.entries.count > mostEntries || state.entries[oldest].map({ $0.forgetAt <= now }) ?? true else {
                break
            }
            state.entries[oldest] = nil
            state.head += 1
        }
        if state.head > 1024, state.head > state.order.count / 2 {
            state.order.removeFirst(state.head)
            state.head = 0
        }
    }
}
