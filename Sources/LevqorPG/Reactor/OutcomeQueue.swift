/// Counts the transfers under way, and holds the reports of those that have ended until they are sent on.
///
/// While one report is sent, the next ones gather.
final class OutcomeQueue: Sendable {
    private struct State {
        var inFlight = 0
        var finished: [JSONValue] = []
        var wake: CheckedContinuation<Void, Never>?
        var isStopped = false
        /// Somebody asked to be told when fewer than this are under way.
        var full: Int?

        var isOver: Bool { isStopped && inFlight == 0 }
    }

    private let state = Locked(State())

    /// Transfers under way now.
    var inFlight: Int { state.withLock { $0.inFlight } }

    /// Whether no more transfers will begin.
    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// A transfer begins.
    func begin() { state.withLock { $0.inFlight += 1 } }

    /// Asks to be told when fewer than `most` are under way, where there are as many now; tells whether there are.
    func noteFull(_ most: Int) -> Bool {
        state.withLock { state in
            state.full = state.inFlight >= most ? most : nil
            return state.full != nil
        }
    }

    /// A transfer has ended; tells whether with this one there are as few as somebody asked to be told of.
    func finish(_ report: JSONValue) -> Bool {
        let (wake, isFree) = state.withLock { state in
            state.finished.append(report)
            state.inFlight -= 1
            let isFree = state.full.map { state.inFlight < $0 } ?? false
            if isFree { state.full = nil }
            defer { state.wake = nil }
            return (state.wake, isFree)
        }
        wake?.resume()
        return isFree
    }

    /// No more transfers begin: `next` ends with the last one under way, at once when there is none.
    func stop() {
        state.withLock { $0.isStopped = true }
        wakeReporter()
    }

    /// What has ended since the last time; nil when stopped and nothing is under way, and when the task is cancelled.
    func next() async -> [JSONValue]? {
        while true {
            let (reports, isOver) = state.withLock { state in
                defer { state.finished = [] }
                return (state.finished, state.isOver)
            }
            if !reports.isEmpty { return reports }
            if isOver || Task.isCancelled { return nil }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let goOn = state.withLock { state in
                        if !state.finished.isEmpty || state.isOver || Task.isCancelled { return true }
                        state.wake = continuation
                        return false
                    }
                    if goOn { continuation.resume() }
                }
            } onCancel: {
                wakeReporter()
            }
        }
    }

    private func wakeReporter() {
        let wake = state.withLock { state in
            defer { state.wake = nil }
            return state.wake
        }
        wake?.resume()
    }
}
