import CLibCurl
import Foundation

/// What tasks and the transfer thread have in common: who waits for an outcome, and what the thread has to do next.
///
/// Every continuation given to it is resumed exactly once: taking the sender out of `senders` is the right to resume.
final class TransportMailbox: @unchecked Sendable {  // `lock` protects every stored property.
    enum Command {
        case start(UInt64, OutboundJob, submitted: ContinuousClock.Instant)
        case cancel(UInt64)
    }

    private enum Sender {
        case announced
        case cancelledEarly
        case waiting(CheckedContinuation<OutboundOutcome, Never>)
    }

    private enum Phase {
        case idle
        case running
        case stopping
        case stopped
    }

    private let lock = NSLock()
    private var phase = Phase.idle
    private var senders: [UInt64: Sender] = [:]
    private var lastTicket: UInt64 = 0
    private var commands: [Command] = []
    private var stopWaiters: [CheckedContinuation<Void, Never>] = []
    /// The handle to wake, while the thread waits on it. It is used and taken away under the lock: libcurl's
    /// curl_multi_wakeup may be called from any thread, but only while the handle lives.
    private var multi: UnsafeMutableRawPointer?

    // MARK: - The tasks' side

    /// Reserves a number, so that a cancellation that comes before the request finds something to mark.
    func announce() -> UInt64 {
        lock.withLock {
            lastTicket += 1
            senders[lastTicket] = .announced
            return lastTicket
        }
    }

    /// Hands a job to the thread.
    ///
    /// - Returns: True for the first one: the caller starts the thread.
    func submit(
        _ job: OutboundJob,
        as ticket: UInt64,
        _ continuation: CheckedContinuation<OutboundOutcome, Never>
    ) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        if case .cancelledEarly = senders[ticket] {
            senders[ticket] = nil
            continuation.resume(returning: .failure(.cancelled))
            return false
        }
        switch phase {
        case .stopping, .stopped:
            senders[ticket] = nil
            continuation.resume(returning: .failure(.shutdown))
            return false
        case .idle, .running:
            senders[ticket] = .waiting(continuation)
            commands.append(.start(ticket, job, submitted: .now))
            wake()
            let first = phase == .idle
            phase = .running
            return first
        }
    }

    /// Asks for a transfer to be dropped; without effect once it has ended.
    func cancel(_ ticket: UInt64) {
        lock.withLock {
            switch senders[ticket] {
            case .announced:
                senders[ticket] = .cancelledEarly
            case .waiting:
                commands.append(.cancel(ticket))
                wake()
            case .cancelledEarly, nil:
                break
            }
        }
    }

    /// Asks the thread to end; the waiter is resumed when it has.
    func stop(_ waiter: CheckedContinuation<Void, Never>? = nil) {
        lock.lock()
        defer { lock.unlock() }
        switch phase {
        case .idle, .stopped:
            phase = .stopped
            waiter?.resume()
        case .running, .stopping:
            phase = .stopping
            if let waiter {
                stopWaiters.append(waiter)
            }
            wake()
        }
    }

    // MARK: - The thread's side

    /// From here on commands wake this handle.
    func attach(_ handle: UnsafeMutableRawPointer) {
        lock.withLock { multi = handle }
    }

    /// Takes all commands, and whether the thread has to end.
    func take() -> (commands: [Command], stopping: Bool) {
        lock.withLock {
            defer { commands = [] }
            return (commands, phase == .stopping)
        }
    }

    /// Gives a sender its outcome.
    func finish(_ ticket: UInt64, _ outcome: OutboundOutcome) {
        let sender = lock.withLock { senders.removeValue(forKey: ticket) }
        if case .waiting(let continuation) = sender {
            continuation.resume(returning: outcome)
        }
    }

    /// Takes the handle back before it is freed, and refuses whatever is submitted from now on.
    func detach() {
        lock.withLock {
            multi = nil
            phase = .stopping
        }
    }

    /// The thread's last word: whoever still waits gets this outcome.
    func close(_ outcome: OutboundOutcome) {
        let (left, waiters) = lock.withLock {
            phase = .stopped
            defer {
                // An announced sender has no continuation yet; its submit will find the phase.
                senders = senders.filter { if case .waiting = $0.value { false } else { true } }
                stopWaiters = []
                commands = []
            }
            return (Array(senders.values), stopWaiters)
        }
        for case .waiting(let continuation) in left {
            continuation.resume(returning: outcome)
        }
        for waiter in waiters {
            waiter.resume()
        }
    }

    /// To be called under the lock.
    private func wake() {
        if let multi {
            curl_multi_wakeup(multi)
        }
    }
}

extension OutboundFailure {
    static let cancelled = OutboundFailure(.cancelled, "the request was cancelled")
    static let shutdown = OutboundFailure(.shutdown, "the transport was shut down")
}
