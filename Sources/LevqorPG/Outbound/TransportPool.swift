import Foundation

/// Some transports with one transfer at a time each: what blocks one thread holds up only the transfer on it.
final class TransportPool: @unchecked Sendable {  // `lock` protects `free` and `waiting`; `all` never changes.
    private let all: [HTTPTransport]
    private let lock = NSLock()
    /// The one used last is the first to be used again: its connection is still open.
    private var free: [HTTPTransport]
    private var waiting: [CheckedContinuation<HTTPTransport, Never>] = []

    init(_ count: Int, _ configuration: HTTPTransport.Configuration) {
        all = (0..<max(1, count)).map { _ in HTTPTransport(configuration) }
        free = all
    }

    /// Sends one mail when a thread is free, oldest first; the wait counts in its time. As `HTTPTransport.send`.
    func send(_ mail: OutboundMail) async -> OutboundOutcome {
        let since = ContinuousClock.now
        let transport = await take()
        defer { giveBack(transport) }
        var mail = mail
        mail.totalTimeout -= .now - since
        guard mail.totalTimeout > .zero else {
            return .failure(OutboundFailure(.timeout, "no transfer was free in time"))
        }
        return await transport.send(mail)
    }

    /// Ends all transfers with `.shutdown`; later mails get `.shutdown` too.
    func shutdown() async {
        await withTaskGroup(of: Void.self) { group in
            for transport in all {
                group.addTask { await transport.shutdown() }
            }
        }
    }

    private func take() async -> HTTPTransport {
        await withCheckedContinuation { continuation in
            lock.withLock {
                if let transport = free.popLast() {
                    continuation.resume(returning: transport)
                } else {
                    waiting.append(continuation)
                }
            }
        }
    }

    private func giveBack(_ transport: HTTPTransport) {
        lock.withLock {
            if waiting.isEmpty {
                free.append(transport)
            } else {
                waiting.removeFirst().resume(returning: transport)
            }
        }
    }
}
