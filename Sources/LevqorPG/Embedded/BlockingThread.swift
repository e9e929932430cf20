import Foundation

/// Runs work that blocks on a thread of its own, because the cooperative pool may not block.
enum BlockingThread {
    /// The result of `work`; cancelling the waiting task neither ends the work nor hides its result.
    static func run<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread { continuation.resume(with: Result(catching: work)) }
            thread.name = "levqor-embedded"
            thread.start()
        }
    }
}
