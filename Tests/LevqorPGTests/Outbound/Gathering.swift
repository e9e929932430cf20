import Foundation

/// Holds everyone until the given number has come.
final class Gathering: Sendable {
    private let condition = NSCondition()
    private let expected: Int
    nonisolated(unsafe) private var present = 0  // Protected by `condition`.

    init(of expected: Int) { self.expected = expected }

    func arriveAndWait() {
        condition.lock()
        present += 1
        condition.broadcast()
        while present < expected { condition.wait() }
        condition.unlock()
    }
}
