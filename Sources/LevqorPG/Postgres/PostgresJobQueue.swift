import Foundation

/// The jobs of one thread, taken in the order in which they came.
///
/// `@unchecked Sendable`: `jobs` and `stopped` are touched only with `mutex` held. It is a pthread mutex with a
/// condition, as the taker has to sleep.
final class PostgresJobQueue: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [UnownedJob] = []
    private var stopped = false

    init() {
        mutex.initialize(to: pthread_mutex_t())
        arrived.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(arrived, nil)
    }

    deinit {
        pthread_cond_destroy(arrived)
        pthread_mutex_destroy(mutex)
        arrived.deallocate()
        mutex.deallocate()
    }

    func push(_ job: UnownedJob) {
        pthread_mutex_lock(mutex)
        jobs.append(job)
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(arrived)
    }

    func stop() {
        pthread_mutex_lock(mutex)
        stopped = true
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(arrived)
    }

    /// Sleeps until there are jobs; nil once it was stopped and nothing is left.
    func takeAll() -> [UnownedJob]? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while jobs.isEmpty {
            if stopped { return nil }
            pthread_cond_wait(arrived, mutex)
        }
        defer { jobs.removeAll(keepingCapacity: true) }
        return jobs
    }
}
