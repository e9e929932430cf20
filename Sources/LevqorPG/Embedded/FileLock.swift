import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A lock on a file by flock(2): the kernel lets go of it when the process ends, however it ends.
///
/// The file itself is never removed: a lock on a removed file protects nothing. Two locks in one process exclude each
/// other too, because each opens the file for itself.
///
/// `@unchecked Sendable`: the descriptor is set once and closed in deinit only; flock(2) is safe from any thread.
final class FileLock: @unchecked Sendable {
    enum Mode: Sendable {
        case shared
        case exclusive

        var operation: Int32 { self == .shared ? LOCK_SH : LOCK_EX }
    }

    private let descriptor: Int32

    private init(path: String, owner: ClusterAccount) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw EmbeddedError.system("cannot open the lock file \(path)", errno: errno) }
        // Made by root in the folder of an ordinary user, that user must be able to open it later.
        if geteuid() == 0 { _ = fchown(descriptor, owner.uid, owner.gid) }
    }

    deinit { close(descriptor) }

    /// Takes the lock, waiting for other holders up to `timeout`.
    static func take(
        _ path: String,
        _ mode: Mode,
        owner: ClusterAccount,
        timeout: Duration
    ) async throws -> FileLock {
        let lock = try FileLock(path: path, owner: owner)
        try await BlockingThread.run {
            let deadline = ContinuousClock.now + timeout
            while try !lock.change(to: mode) {
                guard ContinuousClock.now < deadline else { throw EmbeddedError.lockBusy(path) }
                usleep(20_000)
            }
        }
        return lock
    }

    /// Changes the lock's mode at once; false when another holder is in the way.
    ///
    /// flock(2) lets go of the old lock before it takes the new one, so a caller that gets false may hold nothing.
    func change(to mode: Mode) throws -> Bool {
        while flock(descriptor, mode.operation | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return false }
            if errno != EINTR { throw EmbeddedError.system("cannot lock a file", errno: errno) }
        }
        return true
    }

    /// Lets go of the lock now.
    func release() { _ = flock(descriptor, LOCK_UN) }
}
