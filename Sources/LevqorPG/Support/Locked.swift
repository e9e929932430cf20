import Foundation

/// A value behind a lock.
///
/// A pthread mutex rather than `Synchronization.Mutex`: on Linux the thread sanitizer does not see the latter (it
/// reports races between two critical sections of one Mutex), and the product is tested under it.
///
/// `@unchecked Sendable`: `value` is touched only with `mutex` held.
final class Locked<Value>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private var value: Value

    init(_ value: sending Value) {
        self.value = value
        mutex.initialize(to: pthread_mutex_t())
        pthread_mutex_init(mutex, nil)
    }

    deinit {
        pthread_mutex_destroy(mutex)
        mutex.deinitialize(count: 1)
        mutex.deallocate()
    }

    /// Runs `body` alone with the value. It must be short and must not lock again.
    func withLock<R>(_ body: (inout sending Value) throws -> sending R) rethrows -> sending R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
