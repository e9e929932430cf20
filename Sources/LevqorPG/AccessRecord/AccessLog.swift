/// Rows of the access record on their way to the database. Taking one costs a request an append and nothing else.
///
/// Bounded: while the database does not take them, the newest are dropped and counted.
final class AccessLog: Sendable {
    /// What is to be written next, and how many rows have been lost since the last time.
    typealias Batch = (rows: [AccessRow], dropped: Int)

    /// Counted since the start.
    struct Figures: Sendable {
        var written = 0
        var dropped = 0
        var waiting = 0
    }

    fileprivate struct State {
        var rows: [AccessRow] = []
        /// Lost, and not told yet.
        var dropped = 0
        var figures = Figures()
        var waiter: CheckedContinuation<Void, Never>?
        var isClosed = false
    }

    private let mostRows: Int
    private let fullBatch: Int
    private let state = Locked(State())

    /// - Parameters:
    ///   - mostRows: how many rows may wait.
    ///   - fullBatch: so many are written at once, without waiting for more.
    init(mostRows: Int = 50_000, fullBatch: Int = 1_000) {
        self.mostRows = mostRows
        self.fullBatch = fullBatch
    }

    func note(_ row: AccessRow) {
        let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard state.rows.count < mostRows else {
                state.drop(1)
                return nil
            }
            state.rows.append(row)
            guard state.rows.count >= fullBatch else { return nil }
            return state.takeWaiter()
        }
        waiter?.resume()
    }

    /// Waits until there is a full batch, or for `time`, or until it is closed.
    func waitForRows(atMost time: Duration) async {
        let timer = Task {
            try? await Task.sleep(for: time)
            if !Task.isCancelled { wake() }
        }
        await withCheckedContinuation { waiter in
            let isReady = state.withLock { state in
                if state.isClosed || state.rows.count >= fullBatch { return true }
                state.waiter = waiter
                return false
            }
            if isReady { waiter.resume() }
        }
        timer.cancel()
    }

    /// The oldest rows, and what was lost.
    func take(atMost count: Int) -> Batch {
        state.withLock { state in
            defer { state.dropped = 0 }
            var rows: [AccessRow] = []
            if state.rows.count <= count {
                swap(&rows, &state.rows)
            } else {
                rows = Array(state.rows.prefix(count))
                state.rows.removeFirst(count)
            }
            return (rows, state.dropped)
        }
    }

    /// Takes back what could not be written; it is the first to be written next.
    func putBack(_ batch: Batch) {
        state.withLock { state in
            state.dropped += batch.dropped
            state.rows.insert(contentsOf: batch.rows, at: 0)
            let excess = state.rows.count - mostRows
            if excess > 0 {
                state.rows.removeLast(excess)
                state.drop(excess)
            }
        }
    }

    /// Gives up on rows that cannot be written; that they are lost is told with the next.
    func giveUp(_ batch: Batch) {
        state.withLock { state in
            state.dropped += batch.dropped
            state.drop(batch.rows.count)
        }
    }

    func noteWritten(_ count: Int) {
        state.withLock { $0.figures.written += count }
    }

    /// No waiting any more: what is there is to be written now.
    func close() {
        let waiter = state.withLock { state in
            state.isClosed = true
            return state.takeWaiter()
        }
        waiter?.resume()
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    var figures: Figures {
        state.withLock { state in
            var figures = state.figures
            figures.waiting = state.rows.count
            return figures
        }
    }

    private func wake() {
        state.withLock { $0.takeWaiter() }?.resume()
    }
}

extension AccessLog.State {
    fileprivate mutating func drop(_ count: Int) {
        dropped += count
        figures.dropped += count
    }

    fileprivate mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
        defer { waiter = nil }
        return waiter
    }
}
