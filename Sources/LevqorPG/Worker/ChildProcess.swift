import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Starts outside programs, each in a session and process group of its own, with default signals and no descriptor but
/// those given.
enum ChildProcess {
    /// A system call that failed.
    struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ what: String, _ code: Int32) { description = "\(what): \(String(cString: strerror(code)))" }
    }

    /// One at a time: a child that is spawned between a pipe and its close-on-exec mark would hold it open.
    private static let spawning = NSLock()

    /// A child need not read what it is sent: that is no reason for this process to die.
    private static let ignoreBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

    /// A pipe; neither end reaches a child by itself.
    static func makePipe() throws -> (readEnd: Int32, writeEnd: Int32) {
        ignoreBrokenPipes
        return try spawning.withLock {
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { throw Failure("cannot make a pipe", errno) }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return (ends[0], ends[1])
        }
    }

    /// Starts a program.
    ///
    /// - Parameter descriptors: what the child has as 0, 1, 2, … in this order.
    /// - Returns: its id, which is its group's too.
    static func spawn(_ words: [String], environment: [String: String], descriptors: [Int32]) throws -> pid_t {
        #if canImport(Darwin)
        var actions: posix_spawn_file_actions_t?
        var attributes: posix_spawnattr_t?
        // POSIX_SPAWN_SETSID and POSIX_SPAWN_CLOEXEC_DEFAULT are macros that Swift does not import.
        let extraFlags: Int32 = 0x0400 | 0x4000
        #else
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        // POSIX_SPAWN_SETSID, a macro behind _GNU_SOURCE.
        let extraFlags: Int32 = 0x80
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        // In this order no source is overwritten before it is used: none of them is 0, 1 or 2 unless it stays in place.
        for (target, source) in descriptors.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
        }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            guard let descriptor = Int32(name), descriptor >= descriptors.count, descriptor > 2 else { continue }
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var every = sigset_t()
        var none = sigset_t()
        sigfillset(&every)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &every)
        posix_spawnattr_setsigmask(&attributes, &none)
        let flags = Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK) | extraFlags
        posix_spawnattr_setflags(&attributes, Int16(truncatingIfNeeded: flags))
        var arguments = words.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for pointer in arguments { free(pointer) }
            for pointer in variables { free(pointer) }
        }
        var child = pid_t()
        let result = spawning.withLock {
            posix_spawn(&child, words[0], &actions, &attributes, &arguments, &variables)
        }
        guard result == 0 else { throw Failure("cannot run \(words[0])", result) }
        return child
    }

    /// Writes all of it to a descriptor that may block; false when nobody reads there any more.
    static func write(_ bytes: some Collection<UInt8>, to descriptor: Int32) -> Bool {
        var bytes = Array(bytes)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                bytes.removeFirst(count)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    static func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
        #if canImport(Darwin)
        Darwin.write(descriptor, bytes, count)
        #else
        Glibc.write(descriptor, bytes, count)
        #endif
    }

    /// Waits until a child has ended; it stays there to be reaped, so that its number is given to nobody else.
    static func awaitEnd(_ child: pid_t) {
        var information = siginfo_t()
        while waitid(P_PID, id_t(child), &information, WEXITED | WNOWAIT) == -1, errno == EINTR {}
    }

    /// Takes an ended child away; gives its exit status as a shell shows it.
    static func reap(_ child: pid_t) -> Int32 {
        var status: Int32 = 0
        while waitpid(child, &status, 0) == -1 {
            // Whoever started us ignores SIGCHLD, and the status is lost.
            if errno != EINTR { return 1 }
        }
        return Command.exitStatus(status)
    }
}
