import Foundation
import Logging

/// One job in the worker's hands: runs the command, keeps the lease, and reports how it ended until that was heard.
final class WorkRun: Sendable {
    /// Why the command was told to end.
    private enum Stop { case canceled, lost, givenBack }

    /// What came of it, for those who wait for one job.
    enum Outcome: Sendable { case completed, failed, dropped }

    /// How often it is looked whether there is something new to tell.
    private static let tick = Duration.seconds(2)
    /// How often a report is refused because of the key before it is given up.
    private static let mostKeyRefusals = 6

    private let lease: WorkLease
    private let client: WorkClient
    private let options: WorkOptions
    private let warden: ProcessWarden
    private let logger: Logger
    private let notes = Locked(WorkNotes())
    private let stopped = Locked<(stop: Stop?, process: WorkProcess?)>((nil, nil))

    init(_ lease: WorkLease, client: WorkClient, options: WorkOptions, warden: ProcessWarden, logger: Logger) {
        self.lease = lease
        self.client = client
        self.options = options
        self.warden = warden
        var logger = logger
        logger[metadataKey: "job_id"] = "\(lease.id)"
        self.logger = logger
    }

    /// Works on it to the end. Cancelling the task gives up the report.
    func run() async -> Outcome {
        // Nothing was begun yet.
        if stopped.withLock({ $0.stop }) != nil { return await report(.givenBack("The worker was stopped.")) }
        let process: WorkProcess
        do {
            process = try WorkProcess(
                options.command, environment: options.environment.merging(lease.variables) { $1 },
                input: JSONText.encode(lease.payload) + [UInt8(ascii: "\n")], warden: warden,
                note: { [notes] bytes in notes.withLock { $0.feed(bytes) } }
            )
        } catch {
            logger.error("the command could not be started", metadata: ["error": "\(error)"])
            return await report(.givenBack("The command could not be started: \(error)", after: 30))
        }
        stopped.withLock { $0.process = process }
        if stopped.withLock({ $0.stop }) != nil { end(process) }
        let heartbeats = Task { await self.keepLease() }
        defer { heartbeats.cancel() }
        let ending = await process.run()
        notes.withLock { $0.endLine() }
        let verdict: WorkVerdict
        switch stopped.withLock({ $0.stop }) {
        case .lost: return .dropped
        case .canceled: verdict = .canceled
        case .givenBack: verdict = .givenBack("The worker was stopped.")
        case nil: verdict = WorkVerdict(ending, notes: notes.withLock { $0 })
        }
        logger.info("the command ended", metadata: ["status": "\(ending.status)", "report": "\(verdict.action)"])
        if !notes.withLock({ $0.isEmpty }) { _ = await beat() }
        return await report(verdict)
    }

    /// The worker stops: the job goes back, at once for whoever comes next.
    func giveBack() { stop(.givenBack) }

    private func stop(_ reason: Stop) {
        let process = stopped.withLock { state in
            if state.stop == nil { state.stop = reason }
            return state.process
        }
        if let process { end(process) }
    }

    /// SIGTERM, and SIGKILL when that was not enough. An end that came before leaves the exit status to decide.
    private func end(_ process: WorkProcess) {
        guard process.signal(SIGTERM) else {
            stopped.withLock { if $0.stop != .lost { $0.stop = nil } }
            return
        }
        // Not waited for: the command's end is, and a signal after it reaches nobody.
        Task { [seconds = options.killSeconds] in
            try? await Task.sleep(for: .seconds(seconds))
            process.signal(SIGKILL)
        }
    }

    /// Heartbeats at a third of the lease, sooner when the command has said something.
    private func keepLease() async {
        let interval = Duration.milliseconds(options.leaseSeconds * 1000 / 3)
        var last = ContinuousClock.now
        while true {
            do { try await Task.sleep(for: min(interval, Self.tick)) } catch { return }
            guard last.duration(to: .now) >= interval || !notes.withLock({ $0.isEmpty }) else { continue }
            if await beat() { last = .now }
        }
    }

    /// One heartbeat; false when it did not come through, and will be tried again at the next tick.
    ///
    /// What the API does not take of the command's notes is dropped: the lease is worth more than a line of progress.
    private func beat() async -> Bool {
        var members = notes.withLock { $0.take() }
        var answer = await heartbeat(members)
        if case .refused(let refusal) = answer, refusal.isOfContent, members.contains(where: { $0.1 != nil }) {
            logger.warning("what the command told was refused and is dropped", metadata: ["answer": "\(refusal)"])
            members = []
            answer = await heartbeat(members)
        }
        switch answer {
        case .done(let answer):
            if answer["cancel_requested"]?.bool == true { stop(.canceled) }
            return true
        case .refused(let refusal) where refusal.isLost:
            logger.warning("the lease is lost; the work is dropped", metadata: ["answer": "\(refusal)"])
            stop(.lost)
            return true
        case .refused(let refusal):
            if !refusal.isOfContent { notes.withLock { $0.putBack(members) } }
            logger.warning("a heartbeat was refused", metadata: ["answer": "\(refusal)"])
            return false
        case .away(let reason):
            notes.withLock { $0.putBack(members) }
            logger.warning("a heartbeat was not answered", metadata: ["error": "\(reason)"])
            return false
        }
    }

    private func heartbeat(_ members: [(String, JSONValue?)]) async -> WorkAnswer {
        await client.post(lease.path("heartbeat"), .object([("lease_token", lease.token)] + members))
    }

    /// Tells how it ended until the API has answered: repeating it changes nothing.
    private func report(_ verdict: WorkVerdict) async -> Outcome {
        var verdict = verdict
        var backoff = Backoff(initial: .milliseconds(250), maximum: .seconds(15))
        var keyRefusals = 0
        while true {
            var pause = backoff.next()
            switch await client.post(lease.path(verdict.action), verdict.body(token: lease.token)) {
            case .done: if case .complete = verdict { return .completed } else { return .failed }
            case .refused(let refusal) where refusal.isLost:
                logger.warning("the job is another's or over; the work is dropped", metadata: ["answer": "\(refusal)"])
                return .dropped
            case .refused(let refusal) where refusal.isOfContent:
                logger.error("a report was refused", metadata: ["answer": "\(refusal)"])
                guard case .complete = verdict else { return .dropped }
                verdict = .refused("The API refused the result: \(refusal.reason)")
            case .refused(let refusal):
                logger.warning("a report was not taken; it is sent again", metadata: ["answer": "\(refusal)"])
                if refusal.isOfKey { keyRefusals += 1 }
                if keyRefusals >= Self.mostKeyRefusals { return .dropped }
                pause = max(pause, refusal.retryAfter ?? .zero)
            case .away(let reason):
                logger.warning("a report was not answered; it is sent again", metadata: ["error": "\(reason)"])
            }
            do { try await Task.sleep(for: pause) } catch { return .dropped }
        }
    }
}
