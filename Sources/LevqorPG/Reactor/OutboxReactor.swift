import Logging
import ServiceLifecycle

/// Sends what the database has put into its outbox: claims, signs, transfers, and reports the outcomes.
///
/// Delivery is at least once: a process that dies between a transfer and its report leaves a lease, and when that ends
/// another claims the message again under the same id.
final class OutboxReactor: Service {
    /// How many transfers run at once.
    static let mostInFlight = 256
    private static let claimSize = 200
    /// With less room than this a claim waits a moment for more: one for each end would cost more than the transfers.
    private static let leastRoom = 64
    private static let roomTime = Duration.milliseconds(10)
    /// Reports in one statement; more than that are sent one after the other.
    private static let reportSize = 250
    private static let againTime = Duration.milliseconds(5)
    private static let pollInterval = Duration.seconds(2)
    /// How long transfers may go on when the server stops.
    private static let drainTime = Duration.seconds(12)
    /// How long what was broken off then may take to be reported.
    private static let lastReportTime = Duration.seconds(2)
    /// What is due and yet not to be claimed, such as what waits for its turn, is looked for in rests that double.
    private static let dueRests = (first: Duration.milliseconds(10), last: Duration.seconds(1))

    private let pool: PostgresPool
    private let sender: OutboxSender
    private let hub: HintHub
    private let notifier: HintNotifier
    private let heartbeats: Heartbeats
    private let name: String
    private let logger: Logger
    private let shutdownMail: @Sendable () async -> Void
    private let outcomes = OutcomeQueue()

    /// - Parameters:
    ///   - transport: shut down by the reactor when its drain is over.
    ///   - sign: signs by the name of a credential.
    ///   - mail: hands over mails.
    ///   - shutdownMail: ends the transfers of mails; called when the drain is over.
    init(
        pool: PostgresPool, transport: HTTPTransport, masterKey: MasterKey, hub: HintHub, notifier: HintNotifier,
        heartbeats: Heartbeats, name: String, logger: Logger, sign: OutboxSender.Sign? = nil,
        mail: OutboxSender.Mail? = nil, shutdownMail: @escaping @Sendable () async -> Void = {}
    ) {
        self.pool = pool
        sender = OutboxSender(transport: transport, masterKey: masterKey, sign: sign, mail: mail)
        self.shutdownMail = shutdownMail
        self.hub = hub
        self.notifier = notifier
        self.heartbeats = heartbeats
        self.name = name
        self.logger = logger
        heartbeats.expect("outbox", within: .seconds(60))
        heartbeats.expect(Self.reportLoopName, within: .seconds(60))
        heartbeats.rest(Self.reportLoopName)
    }

    /// Transfers under way now.
    var inFlight: Int { outcomes.inFlight }

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.reportLoop() }
            await withTaskCancellationOrGracefulShutdownHandler {
                await self.claimLoop()
            } onCancelOrGracefulShutdown: {
                self.outcomes.stop()
            }
            // The reporter ends when the last transfer has been reported. What takes longer is broken off, and the reporter
            // has a moment to tell so; what it does not tell is sent again when its lease ends.
            group.addTask {
                try? await Task.sleep(for: Self.drainTime)
                async let http: Void = self.sender.transport.shutdown()
                async let mail: Void = self.shutdownMail()
                _ = await (http, mail)
                try? await Task.sleep(for: Self.lastReportTime)
            }
            await group.next()
            group.cancelAll()
        }
    }

    private static let freeTopic = "outbox-free"
    private static let reportLoopName = "outbox_report"

    private func claimLoop() async {
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(5))
        var dueRest = Self.dueRests.first
        while !outcomes.isStopped {
            if outcomes.noteFull(Self.mostInFlight - Self.leastRoom + 1) {
                await pause([Self.freeTopic], atMost: Self.roomTime * (inFlight < Self.mostInFlight ? 1 : 5))
            }
            let room = min(Self.claimSize, Self.mostInFlight - inFlight)
            guard room > 0, !outcomes.isStopped else { continue }
            do {
                let messages = try await claim(room)
                heartbeats.beat("outbox")
                backoff.reset()
                for message in messages { start(message) }
                if !messages.isEmpty { dueRest = Self.dueRests.first }
                if messages.count < room {
                    // A hint that came since the claim found nobody waiting: only an empty claim is followed by a rest.
                    var rest = Self.againTime
                    if messages.isEmpty {
                        rest = try await untilNextDue()
                        if rest <= .zero {
                            rest = dueRest
                            dueRest = min(dueRest * 2, Self.dueRests.last)
                        }
                    }
                    await pause(["outbox", Self.freeTopic], atMost: min(rest, Self.pollInterval))
                }
            } catch {
                logger.warning("the outbox could not be claimed", metadata: ["error": "\(error.textForLog)"])
                await pause([Self.freeTopic], atMost: backoff.next())
            }
        }
    }

    /// Waits for a hint; not beyond the beginning of the shutdown.
    private func pause(_ topics: [String], atMost time: Duration) async {
        await cancelWhenGracefulShutdown { _ = await self.hub.wait(for: topics, atMost: time, isParked: false) }
    }

    private func claim(_ count: Int) async throws -> [OutboxMessage] {
        let result = try await pool.withConnection { connection in
            try await connection.queryPrepared(
                OutboxMessage.claimStatement, [.text(self.name), .int(count)], deadline: .seconds(10)
            )
        }
        return result.compactMap { row in
            do {
                return try OutboxMessage(row)
            } catch {
                // The others of the claim are not held up by it; when its lease ends it counts as an attempt.
                logger.error("a claimed message cannot be read", metadata: ["error": "\(error.textForLog)"])
                return nil
            }
        }
    }

    /// Not positive when something is due.
    private func untilNextDue() async throws -> Duration {
        let seconds = try await pool.withConnection { connection in
            try await connection.queryPrepared(
                "select extract(epoch from outbox.next_due() - pg_catalog.clock_timestamp())", [],
                deadline: .seconds(10)
            ).first?.double(0)
        }
        return seconds.map { $0 > 0 ? .seconds(max(0.01, $0)) : .zero } ?? Self.pollInterval
    }

    private func start(_ message: OutboxMessage) {
        outcomes.begin()
        // Not a child task: the loop that claims must not wait for its transfers. The transport bounds each of them.
        Task {
            let startedAt = WallClock.now()
            let outcome = await sender.send(message, at: startedAt)
            finish(message.report(outcome, startedAt: startedAt, finishedAt: WallClock.now()))
        }
    }

    private func finish(_ report: JSONValue) {
        if outcomes.finish(report) { hub.post(Hint(topic: Self.freeTopic, count: 1)) }
    }

    /// Reports whatever has finished; while one report is in flight, the next ones gather.
    private func reportLoop() async {
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(5))
        while let reports = await outcomes.next() {
            heartbeats.wake(Self.reportLoopName)
            defer { heartbeats.rest(Self.reportLoopName) }
            var left = Self.parts(reports)
            while let part = left.last {
                do {
                    try await report(part)
                    left.removeLast()
                    backoff.reset()
                } catch let error as PostgresError where error.isOfItsContent {
                    // One report that the database does not take must not hold up the others for ever.
                    left.removeLast()
                    if part.count > 1 {
                        left += part.map { [$0] }
                    } else {
                        logger.error(
                            "an outcome was refused and is lost", metadata: ["error": "\(error.textForLog)"])
                    }
                } catch {
                    logger.warning(
                        "outcomes could not be reported", metadata: ["error": "\(error.textForLog)"])
                    do { try await Task.sleep(for: backoff.next()) } catch { return }
                }
            }
        }
    }

    /// The reports in parts of bounded size; the last one is sent first, so they are in reverse.
    static func parts(_ reports: [JSONValue]) -> [[JSONValue]] {
        stride(from: 0, to: reports.count, by: reportSize).map { start in
            Array(reports[start..<min(start + reportSize, reports.count)])
        }.reversed()
    }

    private func report(_ reports: [JSONValue]) async throws {
        let result = try await pool.withConnection { connection in
            try await connection.queryPrepared(
                "select result from outbox.report_outcomes($1::jsonb)", [.utf8(JSONText.encode(.array(reports)))],
                deadline: .seconds(10), cancellable: false
            )
        }
        heartbeats.beat(Self.reportLoopName)
        // A retry may be due before the loop that claims would look again.
        if result.contains(where: { $0.string(0) == "retry" }) { hub.post(Hint(topic: Self.freeTopic, count: 1)) }
        logger.debug("outcomes reported", metadata: ["count": "\(reports.count)", "rows": "\(result.count)"])
    }
}
