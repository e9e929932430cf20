import Foundation
import Logging
import ServiceLifecycle

/// Claims jobs over HTTP and runs a command for each of them, several at once.
final class Worker: Service {
    /// How long a claim waits for a job.
    private static let wait = 20

    private let options: WorkOptions
    private let client: WorkClient
    private let logger: Logger
    private let warden = ProcessWarden()
    private let runs = Locked<[String: WorkRun]>([:])
    private let isStopped = Locked(false)
    private let ends: AsyncStream<Void>
    private let ended: AsyncStream<Void>.Continuation

    init(_ options: WorkOptions, logger: Logger) {
        self.options = options
        self.logger = logger
        client = WorkClient(url: options.url, key: options.key)
        // One token is enough: whoever takes it looks how many run.
        (ends, ended) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Works until told to stop, or as long as the options say.
    ///
    /// When told to stop it claims no more, lets what runs end within the time for it, and gives the rest back. Reports
    /// that nobody hears end with the cancellation of the task.
    /// - Throws: `WorkRefusal` when the API refuses to give work to this worker.
    func run() async throws {
        let stop = Task {
            try? await gracefulShutdown()
            if Task.isCancelled { return }
            isStopped.withLock { $0 = true }
            ended.yield()
            logger.notice("the worker stops", metadata: ["running": "\(runs.withLock { $0.count })"])
            do { try await Task.sleep(for: .seconds(options.finishSeconds)) } catch { return }
            for run in runs.withLock({ Array($0.values) }) { run.giveBack() }
        }
        let result = await withDiscardingTaskGroup(returning: Result<Void, any Error>.self) { group in
            // Discarding: nobody asks for the end of each run, and a worker may live for millions of them.
            do {
                try await claimLoop(&group)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        stop.cancel()
        warden.close()
        await client.shutdown()
        try result.get()
    }

    private var running: Int { runs.withLock { $0.count } }

    private func claimLoop(_ group: inout DiscardingTaskGroup) async throws {
        var ends = ends.makeAsyncIterator()
        var backoff = Backoff(initial: .milliseconds(250), maximum: .seconds(15))
        while !isStopped.withLock({ $0 }), !Task.isCancelled {
            let free = options.concurrency - running
            guard free > 0 else {
                await ends.next()
                continue
            }
            let started = ContinuousClock.now
            switch await claim(free) {
            case .done(let answer):
                let leases = answer["jobs"]?.array?.compactMap(WorkLease.init) ?? []
                for lease in leases { start(lease, &group) }
                if !leases.isEmpty {
                    backoff.reset()
                    if case .afterOne = options.ending { return }
                } else if case .whenEmpty = options.ending {
                    // What runs may come back for another attempt.
                    if running == 0 { return }
                    await ends.next()
                } else if started.duration(to: .now) < .seconds(1) {
                    // A server that stops answers at once.
                    try? await Task.sleep(for: backoff.next())
                }
            case .refused(let refusal) where refusal.isPassing:
                logger.warning("a claim was not taken", metadata: ["answer": "\(refusal)"])
                await pause(max(backoff.next(), refusal.retryAfter ?? .zero))
            case .refused(let refusal): throw refusal
            case .away(let reason):
                if isStopped.withLock({ $0 }) { return }
                logger.warning("a claim was not answered", metadata: ["error": "\(reason)"])
                await pause(backoff.next())
            }
        }
    }

    /// Not beyond the beginning of the end.
    private func pause(_ time: Duration) async {
        await cancelWhenGracefulShutdown { try? await Task.sleep(for: time) }
    }

    private func claim(_ free: Int) async -> WorkAnswer {
        let (most, wait) =
            switch options.ending {
            case .never: (min(free, 100), Self.wait)
            case .afterOne: (1, Self.wait)
            case .whenEmpty: (min(free, 100), 0)
            }
        let body = JSONValue.object([
            ("worker", .string(options.name)), ("workflows", .array(options.workflows.map(JSONValue.string))),
            ("max", .int(most)), ("lease_seconds", .int(options.leaseSeconds)), ("wait_seconds", .int(wait)),
        ])
        // A server whose waiting client left gives it nothing; what it gave in this very moment, its lease gives back.
        return await cancelWhenGracefulShutdown { [client] in
            await client.post("/api/v1/worker/claim", body, waiting: .seconds(wait))
        }
    }

    private func start(_ lease: WorkLease, _ group: inout DiscardingTaskGroup) {
        let run = WorkRun(lease, client: client, options: options, warden: warden, logger: logger)
        // The same job again, after its lease was lost: both run until the first hears of it.
        let key = lease.id + "/" + JSONText.string(lease.token)
        runs.withLock { $0[key] = run }
        logger.info("claimed", metadata: ["job_id": "\(lease.id)", "attempt": "\(lease.attempt)"])
        if isStopped.withLock({ $0 }) { run.giveBack() }
        group.addTask {
            let outcome = await run.run()
            self.logger.info("done", metadata: ["job_id": "\(lease.id)", "outcome": "\(outcome)"])
            self.runs.withLock { _ = $0.removeValue(forKey: key) }
            self.ended.yield()
        }
    }
}
