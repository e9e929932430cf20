import CLibPQ
import Synchronization

/// One PQcancel under way on a thread of its own: it opens a connection and blocks, so it may run neither on the
/// cooperative pool nor on the session's thread.
final class PostgresCancel: Sendable {
    private let done = Atomic(false)

    /// True once PQcancel has returned: the server has signalled its process by then (it closes the cancelling
    /// connection after that), so the next statement is safe from it.
    var isDone: Bool { done.load(ordering: .acquiring) }

    private init() {}

    /// Takes `cancel` over, sends it, frees it, and knocks at the session.
    ///
    /// - Returns: nil where no thread could be started; the session then has its grace period only.
    static func start(taking cancel: OpaquePointer, knockingAt interrupt: PostgresInterrupt) -> PostgresCancel? {
        let running = PostgresCancel()
        let handover = Handover(cancel: cancel)
        do {
            try PostgresThread.spawn {
                // PQcancel is safe in another thread than its connection's: PGcancel is a copy (libpq manual, 34.7).
                withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { complaint in
                    _ = PQcancel(handover.cancel, complaint.baseAddress, Int32(complaint.count))
                }
                PQfreeCancel(handover.cancel)
                running.done.store(true, ordering: .releasing)
                interrupt.knock()
            }
            return running
        } catch {
            PQfreeCancel(cancel)
            return nil
        }
    }

    /// `@unchecked Sendable`: the pointer goes to the one thread that uses and frees it.
    private struct Handover: @unchecked Sendable {
        let cancel: OpaquePointer
    }
}
