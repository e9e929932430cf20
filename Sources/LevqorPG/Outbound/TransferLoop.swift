import CLibCurl

/// The transfer thread: drives all transfers with one multi handle until it is told to stop.
///
/// Confined to its thread; only the mailbox is shared. Each round takes the commands, lets libcurl work, hands out the
/// outcomes, fills free places, and sleeps until a socket, a timer or a wake-up needs it.
final class TransferLoop {
    private struct Waiting {
        var job: OutboundJob
        var deadline: ContinuousClock.Instant
    }

    /// A sleep with nothing to do; a wake-up ends it.
    private static let longestSleep: Int32 = 60_000

    private let configuration: HTTPTransport.Configuration
    private let mailbox: TransportMailbox
    private var waiting = TicketQueue<Waiting>()
    private var active: [UnsafeMutableRawPointer: (ticket: UInt64, transfer: any CurlTransfer)] = [:]
    private var handles: [UInt64: UnsafeMutableRawPointer] = [:]
    private let mailSockets = OpenSockets()

    init(configuration: HTTPTransport.Configuration, mailbox: TransportMailbox) {
        self.configuration = configuration
        self.mailbox = mailbox
    }

    /// Runs until the mailbox says stop. Afterwards no continuation is left waiting.
    func run() {
        _ = levqor_curl_block_sigpipe_on_this_thread()
        guard CurlLibrary.isReady, let multi = curl_multi_init() else {
            mailbox.detach()
            mailbox.close(.failure(OutboundFailure(.internal, "libcurl could not be started")))
            return
        }
        _ = levqor_curl_limit_connections(
            multi,
            configuration.maxIdleConnections,
            configuration.maxConcurrent + configuration.maxIdleConnections
        )
        mailbox.attach(multi)
        let end = serve(multi)
        mailbox.detach()
        // curl_multi_cleanup asks for this order: take each handle out, free it, then free the multi handle.
        for (handle, entry) in active {
            entry.transfer.breakOff()
            curl_multi_remove_handle(multi, handle)
        }
        active = [:]
        curl_multi_cleanup(multi)
        mailbox.close(.failure(end))
    }

    /// The rounds. Returns what those who still wait are told.
    private func serve(_ multi: UnsafeMutableRawPointer) -> OutboundFailure {
        while true {
            let (commands, stopping) = mailbox.take()
            if stopping {
                return .shutdown
            }
            for command in commands {
                obey(command, multi)
            }
            startWaiting(multi)
            var running: Int32 = 0
            guard curl_multi_perform(multi, &running) == CURLM_OK else {
                return OutboundFailure(.internal, "libcurl could not go on")
            }
            let finished = reportFinished(multi)
            if finished && !waiting.isEmpty {
                continue
            }
            guard curl_multi_poll(multi, nil, 0, sleepMilliseconds(), nil) == CURLM_OK else {
                return OutboundFailure(.internal, "libcurl could not wait")
            }
        }
    }

    private func obey(_ command: TransportMailbox.Command, _ multi: UnsafeMutableRawPointer) {
        switch command {
        case .start(let ticket, let job, let submitted):
            waiting.append(Waiting(job: job, deadline: submitted + job.totalTimeout), as: ticket)
        case .cancel(let ticket):
            if let handle = handles[ticket] {
                active[handle]?.transfer.breakOff()
                remove(handle, multi)
                mailbox.finish(ticket, .failure(.cancelled))
            } else if waiting.remove(ticket) != nil {
                mailbox.finish(ticket, .failure(.cancelled))
            }
        }
    }

    /// Drops those whose time ran out while they waited, and starts as many others as there are places.
    private func startWaiting(_ multi: UnsafeMutableRawPointer) {
        guard !waiting.isEmpty else { return }
        let now = ContinuousClock.now
        for ticket in waiting.removeAll(where: { $0.deadline <= now }) {
            mailbox.finish(ticket, .failure(OutboundFailure(.timeout, "no transfer was free in time")))
        }
        while active.count < configuration.maxConcurrent, let (ticket, next) = waiting.popFirst() {
            let timeLeft = next.deadline - now
            switch next.job.prepare(timeLeft: timeLeft, configuration: configuration, mailSockets: mailSockets) {
            case .failure(let failure):
                mailbox.finish(ticket, .failure(failure))
            case .success(let transfer):
                guard curl_multi_add_handle(multi, transfer.handle) == CURLM_OK else {
                    mailbox.finish(ticket, .failure(OutboundFailure(.internal, "libcurl took no further transfer")))
                    continue
                }
                active[transfer.handle] = (ticket, transfer)
                handles[ticket] = transfer.handle
            }
        }
    }

    /// Hands out the outcomes of what has ended; true when there was any.
    private func reportFinished(_ multi: UnsafeMutableRawPointer) -> Bool {
        var any = false
        var code = CURLE_OK
        while let handle = levqor_curl_next_finished(multi, &code) {
            any = true
            guard let (ticket, transfer) = active[handle] else { continue }
            let outcome = transfer.outcome(of: code)
            remove(handle, multi)
            mailbox.finish(ticket, outcome)
        }
        return any
    }

    /// Takes a transfer out; the handle is freed with the last reference to it.
    private func remove(_ handle: UnsafeMutableRawPointer, _ multi: UnsafeMutableRawPointer) {
        curl_multi_remove_handle(multi, handle)
        if let entry = active.removeValue(forKey: handle) {
            handles[entry.ticket] = nil
        }
    }

    /// Until the first of those who wait runs out of time; libcurl shortens it for its own timers.
    private func sleepMilliseconds() -> Int32 {
        guard let first = waiting.values.map(\.deadline).min() else { return Self.longestSleep }
        return Int32(min(max((first - .now).wholeMilliseconds, 1), Int(Self.longestSleep)))
    }
}
