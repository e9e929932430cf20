import CLibPQ
import Foundation

/// One call's talk with the server: sends, waits, and stops when its deadline passes or its task is cancelled.
struct PostgresExchange {
    /// Where the call stands.
    private enum Phase {
        case running(until: ContinuousClock.Instant?)
        /// The server has been asked to cancel; the session is closed when no answer comes before `giveUp`.
        case stopping(Stop)
    }

    /// A request to cancel under way. It is repeated: a server process that has not yet begun with the statement when
    /// the signal comes is still idle, and forgets it (PostgreSQL, ProcessInterrupts while DoingCommandRead).
    private struct Stop {
        let reason: PostgresError.Code
        let giveUp: ContinuousClock.Instant
        var cancel: PostgresCancel?
        var again: ContinuousClock.Instant
        var interval = Duration.milliseconds(100)

        var isUnderWay: Bool { cancel.map { !$0.isDone } ?? false }
    }

    private let session: PostgresSession
    private let interrupt: PostgresInterrupt
    private let grace: Duration
    private var phase: Phase

    init(
        session: PostgresSession,
        interrupt: PostgresInterrupt,
        grace: Duration,
        until: ContinuousClock.Instant?
    ) {
        self.session = session
        self.interrupt = interrupt
        self.grace = grace
        phase = .running(until: until)
    }

    /// The result of the one statement that was sent.
    mutating func singleResult() throws -> PostgresResult {
        guard let result = try finish() else {
            session.close()
            throw PostgresError(.protocolViolation, "the server sent no result", outcomeUnknown: true)
        }
        return PostgresResult(storage: result)
    }

    /// Reads to the end of one step, after which another will be sent: not when the call is to stop.
    mutating func step() throws {
        try finish()
        if case .stopping(let stop) = phase {
            throw PostgresError(stop.reason, "stopped before the statement was sent")
        }
    }

    /// Reads to the end of what was sent and returns the last result; throws the first error.
    ///
    /// A call that was asked to stop and finished all the same has succeeded: that is what it tells.
    @discardableResult
    mutating func finish() throws -> PostgresResultStorage? {
        var last: PostgresResultStorage?
        var failure: PostgresError?
        do {
            while try !session.flush() {
                // The server may be blocked on its own output, so reading goes on while writing (manual, PQflush).
                if try wait(Int16(POLLIN | POLLOUT)) & Int16(POLLIN) != 0 { try session.consume() }
            }
            while true {
                while try session.isBusy() {
                    if try wait(Int16(POLLIN)) != 0 { try session.consume() }
                }
                guard let result = try session.nextResult() else { break }
                switch result.status {
                case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                    last = result
                case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE:
                    failure = failure ?? PostgresError(.server, result: result)
                default:
                    // COPY: libpq would return this result for ever.
                    session.close()
                    throw PostgresError(.protocolViolation, "COPY is not spoken here", outcomeUnknown: true)
                }
            }
        } catch let error as PostgresError {
            throw lost(error, after: failure)
        }
        settle()
        guard let failure else { return last }
        guard session.isUsable else {
            throw lost(PostgresError(.connectionLost, failure.message, outcomeUnknown: true), after: failure)
        }
        throw stopped(failure)
    }

    /// Waits for notifications until the time has come; empty when there are none.
    mutating func notifications(until: ContinuousClock.Instant) throws -> [PostgresNotification] {
        while true {
            try session.consume()
            let taken = session.takeNotifications()
            guard taken.isEmpty else { return taken }
            if interrupt.isRaised { throw PostgresError(.cancelled, "the task was cancelled while it listened") }
            guard ContinuousClock.now < until else { return [] }
            let ready = PostgresPoll.wait(
                session.socket, Int16(POLLIN), wake: interrupt.readEnd, until: until
            )
            if ready.isWoken { interrupt.drain() }
        }
    }

    /// One poll(2), and what follows from the time and from a request to stop. Returns what the socket is ready for.
    private mutating func wait(_ events: Int16) throws -> Int16 {
        let limit: ContinuousClock.Instant? =
            switch phase {
            case .running(let until): until
            case .stopping(let stop): min(stop.again, stop.giveUp)
            }
        let ready = PostgresPoll.wait(session.socket, events, wake: interrupt.readEnd, until: limit)
        if ready.isWoken { interrupt.drain() }
        switch phase {
        case .running(let until):
            if ready.isWoken, interrupt.isRaised {
                stop(.cancelled)
            } else if let until, ContinuousClock.now >= until {
                stop(.deadlineExceeded)
            }
        case .stopping(var stop):
            let now = ContinuousClock.now
            guard now < stop.giveUp else {
                session.close()
                throw PostgresError(
                    stop.reason, "the server did not heed the cancel request; the session was closed",
                    outcomeUnknown: true
                )
            }
            if now >= stop.again {
                // One at a time: the last one is what `settle` waits for.
                if !stop.isUnderWay { stop.cancel = session.startCancel(interrupt) }
                stop.again = now + stop.interval
                stop.interval *= 2
                phase = .stopping(stop)
            }
        }
        return ready.events
    }

    private mutating func stop(_ reason: PostgresError.Code) {
        let now = ContinuousClock.now
        let cancel = session.startCancel(interrupt)
        phase = .stopping(Stop(reason: reason, giveUp: now + grace, cancel: cancel, again: now + .milliseconds(50)))
    }

    /// Before the session serves another call, the cancel request under way has to be over: it would hit that call.
    private func settle() {
        guard case .stopping(let stop) = phase else { return }
        while stop.isUnderWay {
            guard ContinuousClock.now < stop.giveUp else { return session.close() }
            let ready = PostgresPoll.wait(-1, 0, wake: interrupt.readEnd, until: stop.giveUp)
            if ready.isWoken { interrupt.drain() }
        }
    }

    /// The server's "canceling statement" is our own doing, so it carries our reason.
    private func stopped(_ failure: PostgresError) -> PostgresError {
        guard case .stopping(let stop) = phase, failure.sqlstate == "57014" else { return failure }
        var failure = failure
        failure.code = stop.reason
        return failure
    }

    /// What the server said last (`terminating connection due to ...`) tells more than the end of the stream.
    private func lost(_ error: PostgresError, after failure: PostgresError?) -> PostgresError {
        guard error.code == .connectionLost, var failure else { return error }
        failure.code = .connectionLost
        failure.isOutcomeUnknown = true
        return failure
    }
}
