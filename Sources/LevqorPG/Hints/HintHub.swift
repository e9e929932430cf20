/// Hands hints to those who wait for them inside of this process: parked requests, and the loops of the reactor.
///
/// A hint that nobody waits for is gone; a waiter looks for itself when it starts and polls now and then.
final class HintHub: Sendable {
    /// Why a wait ended.
    enum Wake: Sendable {
        /// A hint came; nil: anything may have been missed.
        case hint(topic: String?)
        /// The time is over.
        case time
        case cancelled
        case shutdown
    }

    private final class Waiter: Sendable {
        let patterns: [String]
        let isParked: Bool
        private let continuation: Locked<CheckedContinuation<Wake, Never>?>

        init(_ patterns: [String], isParked: Bool, _ continuation: CheckedContinuation<Wake, Never>) {
            self.patterns = patterns
            self.isParked = isParked
            self.continuation = Locked(continuation)
        }

        /// Resumes the waiter, the first time only; tells whether it was.
        func wake(_ reason: Wake) -> Bool {
            guard
                let continuation = continuation.withLock({ held in
                    defer { held = nil }
                    return held
                })
            else { return false }
            continuation.resume(returning: reason)
            return true
        }
    }

    private struct State {
        /// Waiters by pattern and number: lower numbers came first and are woken first.
        var waiters: [String: [(number: UInt64, waiter: Waiter)]] = [:]
        /// How many patterns of waiters begin with a part: nearly every hint finds nobody, and should find that out cheaply.
        var firstParts: [Substring: Int] = [:]
        var next: UInt64 = 0
        var isStopped = false
    }

    private let state = Locked(State())

    private static func firstPart(_ text: String) -> Substring {
        text.utf8.firstIndex(of: UInt8(ascii: "/")).map { text[..<$0] } ?? text[...]
    }

    /// Waits for a hint on one of the patterns, at most for `time`. Ends early when the task is cancelled or `stop` is called.
    ///
    /// - Parameter isParked: false for the loops of the server, which end by themselves: `stop` leaves them waiting, so
    ///   that they do not spin while the last requests are answered.
    func wait(for patterns: [String], atMost time: Duration, isParked: Bool = true) async -> Wake {
        let held = Locked<(number: UInt64, waiter: Waiter)?>(nil)
        return await withTaskCancellationHandler {
            let timer = Locked<Task<Void, Never>?>(nil)
            let wake = await withCheckedContinuation { continuation in
                let waiter = Waiter(patterns, isParked: isParked, continuation)
                let number: UInt64? = state.withLock { state in
                    if state.isStopped, isParked { return nil }
                    state.next += 1
                    for pattern in patterns {
                        state.waiters[pattern, default: []].append((state.next, waiter))
                        state.firstParts[Self.firstPart(pattern), default: 0] += 1
                    }
                    return state.next
                }
                guard let number else {
                    _ = waiter.wake(.shutdown)
                    return
                }
                held.withLock { $0 = (number, waiter) }
                if Task.isCancelled { _ = waiter.wake(.cancelled) }
                timer.withLock {
                    $0 = Task {
                        try? await Task.sleep(for: time)
                        if !Task.isCancelled { _ = waiter.wake(.time) }
                    }
                }
            }
            timer.withLock { $0?.cancel() }
            if let (number, waiter) = held.withLock({ $0 }) { forget(number, waiter) }
            return wake
        } onCancel: {
            _ = held.withLock { $0 }?.waiter.wake(.cancelled)
        }
    }

    /// Wakes as many waiters as there is work, those that came first.
    func post(_ hint: Hint) {
        let part = Self.firstPart(hint.topic)
        guard state.withLock({ $0.firstParts[part] != nil }) else { return }
        var left = hint.count
        let patterns = Hint.patterns(of: hint.topic)
        while left > 0 {
            let first: Waiter? = state.withLock { state in
                var best: (number: UInt64, waiter: Waiter)?
                for pattern in patterns {
                    if let candidate = state.waiters[pattern]?.first, candidate.number < best?.number ?? .max {
                        best = candidate
                    }
                }
                if let best { remove(&state, best.number, best.waiter) }
                return best?.waiter
            }
            guard let first else { return }
            // One that was just woken by its timer takes none of the work.
            if first.wake(.hint(topic: hint.topic)) { left -= 1 }
        }
    }

    /// Wakes everybody: hints may have been missed.
    func postAll() {
        for waiter in takeAll(stopping: false) { _ = waiter.wake(.hint(topic: nil)) }
    }

    /// Wakes everybody who is parked for good; later parked waits end at once.
    func stop() {
        for waiter in takeAll(stopping: true) { _ = waiter.wake(.shutdown) }
    }

    /// How many wait.
    var count: Int {
        state.withLock { state in Set(state.waiters.values.flatMap { $0.map(\.number) }).count }
    }

    private func takeAll(stopping: Bool) -> [Waiter] {
        state.withLock { state in
            var taken: [UInt64: Waiter] = [:]
            for entry in state.waiters.values.joined() where !stopping || entry.waiter.isParked {
                taken[entry.number] = entry.waiter
            }
            state.waiters = state.waiters.mapValues { $0.filter { taken[$0.number] == nil } }.filter {
                !$0.value.isEmpty
            }
            state.firstParts = [:]
            for (pattern, waiters) in state.waiters {
                state.firstParts[Self.firstPart(pattern), default: 0] += waiters.count
            }
            if stopping { state.isStopped = true }
            return taken.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    private func forget(_ number: UInt64, _ waiter: Waiter) {
        state.withLock { remove(&$0, number, waiter) }
    }

    private func remove(_ state: inout State, _ number: UInt64, _ waiter: Waiter) {
        for pattern in waiter.patterns {
            // Numbers only grow, so the lists are sorted. A pattern that was given twice stands there twice.
            while let index = state.waiters[pattern]?.firstSortedIndex(of: number) {
                state.waiters[pattern]?.remove(at: index)
                let part = Self.firstPart(pattern)
                if let count = state.firstParts[part] { state.firstParts[part] = count > 1 ? count - 1 : nil }
            }
            if state.waiters[pattern]?.isEmpty == true { state.waiters[pattern] = nil }
        }
    }
}

extension Array {
    /// Where a number stands in a list sorted by number.
    fileprivate func firstSortedIndex<Value>(of number: UInt64) -> Int?
    where Element == (number: UInt64, waiter: Value) {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low < count && self[low].number == number ? low : nil
    }
}
