import Foundation

/// A serial executor over one pthread of its own.
///
/// The thread keeps the executor alive until `stop()`, so it cannot go away under a job that is running.
final class PostgresThread: SerialExecutor {
    private let queue = PostgresJobQueue()

    init() throws {
        try Self.spawn { [self] in
            let executor = asUnownedSerialExecutor()
            while let jobs = queue.takeAll() {
                for job in jobs { job.runSynchronously(on: executor) }
            }
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        queue.push(UnownedJob(job))
    }

    /// Lets the thread end once it has run what is queued. The owner calls it when no job can follow. Safe to repeat.
    func stop() {
        queue.stop()
    }

    /// Starts a detached thread that runs `body` and ends.
    ///
    /// - Throws: `.connectionFailed` where the system gives no thread.
    static func spawn(_ body: @escaping @Sendable () -> Void) throws {
        let start = Unmanaged.passRetained(PostgresThreadStart(body: body))
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        #if canImport(Darwin)
        var thread: pthread_t?
        #else
        var thread = pthread_t()
        #endif
        #if canImport(Darwin)
        let status = pthread_create(
            &thread, &attributes,
            {
                PostgresThreadStart.run($0); return nil
            }, start.toOpaque())
        #else
        let status = pthread_create(
            &thread, &attributes,
            {
                $0.map(PostgresThreadStart.run); return nil
            }, start.toOpaque()
        )
        #endif
        guard status == 0 else {
            start.release()
            throw PostgresError(.connectionFailed, "no thread could be started (error \(status))")
        }
    }
}

/// What a new thread runs, handed over through C's one pointer.
private final class PostgresThreadStart: Sendable {
    let body: @Sendable () -> Void

    init(body: @escaping @Sendable () -> Void) {
        self.body = body
    }

    static func run(_ argument: UnsafeMutableRawPointer) {
        Unmanaged<PostgresThreadStart>.fromOpaque(argument).takeRetainedValue().body()
    }
}
