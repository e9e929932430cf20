/// Counts the transfers under way, and holds the reports of those that have ended until they are sent on.
///
/// While one report is sent, the next ones gather.
final class OutcomeQueue: Sendable {
    private struct State {
        var inFlight = 0
        var finished: [JSONValue] = []
        var wake: CheckedContinuation<Void, Never>?
        var isStopped = false
        var isFull = false

        var isOver: Bool { isStopped && inFlight == 0 }
    }

    private let state = Locked(State())

    /// Transfers under way now.
    var inFlight: Int { state.withLock { $0.inFlight } }

    /// Whether no more transfers will begin.
    var isStopped: Bool { state.withLock { $0.isStopped } }

    /// A transfer begins.
    func begin() { state.withLock { $0.inFlight += 1 } }

    /// Asks to be told of the next end, when as many as `most` are under way; tells whether they are.
    func noteFull(_ most: Int) -> Bool {
        state.withLock { state in
            state.isFull = state.inFlight >= most
            return state.isFull
        }
    }

    /// A transfer has ended; tells whether somebody asked to be told.
    func finish(_ report: JSONValue) -> Bool {
        let (wake, wasFull) = state.withLock { state in
            state.finished.append(report)
            state.inFlight -= 1
            defer {
                state.wake = nil
                state.isFull = false
            }
            return (state.wake, state.isFull)
        }
        wake?.resume()
        return wasFull
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
