import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// One run of an outside program, with nothing inherited but what is named here.
///
/// The child gets an environment of its own (no secret of the server reaches PostgreSQL), default signals, no terminal,
/// a session of its own (Ctrl-C in the terminal does not reach it) and no descriptor of ours but its output pipes.
struct Command: Sendable {
    /// What a finished run left behind.
    struct Output: Sendable {
        var status: Int32
        var out: String
        var error: String
        var succeeded: Bool { status == 0 }
        /// Both streams, for a person to read.
        var text: String { [error, out].filter { !$0.isEmpty }.joined(separator: "\n") }
    }

    /// The status of a run that was ended by its deadline; no exit status is negative.
    static let timedOut: Int32 = -1

    private static let spawning = NSLock()

    var executable: String
    var arguments: [String]
    var environment: [String: String] = [:]
    var directory = "/"
    var timeout: Duration = .seconds(60)

    /// Runs the program to its end on a thread of its own; a program that overruns its time is killed.
    ///
    /// Cancelling the task does not end the program: half of a start or a stop is worse than a late answer.
    func run() async throws -> Output {
        try await BlockingThread.run { try runBlocking() }
    }

    private func runBlocking() throws -> Output {
        let deadline = ContinuousClock.now + timeout
        // One at a time: a child of another run, spawned between a pipe and its close-on-exec mark, would hold it open.
        let (outPipe, errorPipe, child) = try Self.spawning.withLock {
            let outPipe = try ReadPipe()
            let errorPipe = try ReadPipe()
            return (outPipe, errorPipe, try spawn(out: outPipe.writeEnd, error: errorPipe.writeEnd))
        }
        outPipe.closeWriteEnd()
        errorPipe.closeWriteEnd()
        let finished = ReadPipe.drain([outPipe, errorPipe], until: deadline)
        if !finished { kill(-child, SIGKILL) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) == -1 {
            // ECHILD: whoever started us ignores SIGCHLD, and the status is lost.
            if errno != EINTR { throw EmbeddedError.system("cannot learn how \(executable) ended", errno: errno) }
        }
        return Output(
            status: finished ? Self.exitStatus(status) : Self.timedOut,
            out: outPipe.text,
            error: errorPipe.text
        )
    }

    /// The exit status as a shell shows it: 128 and the signal's number when a signal ended the program.
    static func exitStatus(_ waited: Int32) -> Int32 {
        let signal = waited & 0x7f
        return signal == 0 ? (waited >> 8) & 0xff : 128 + signal
    }

    private func spawn(out: Int32, error: Int32) throws -> pid_t {
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
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, out, 1)
        posix_spawn_file_actions_adddup2(&actions, error, 2)
        for descriptor in Self.openDescriptors() where descriptor > 2 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        // Signals that the server ignores or blocks would stay so in PostgreSQL.
        var every = sigset_t()
        var none = sigset_t()
        sigfillset(&every)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &every)
        posix_spawnattr_setsigmask(&attributes, &none)
        let flags = Int32(POSIX_SPAWN_SETSIGDEF) | Int32(POSIX_SPAWN_SETSIGMASK) | extraFlags
        posix_spawnattr_setflags(&attributes, Int16(truncatingIfNeeded: flags))

        // The server may stand in a folder that the cluster's user cannot enter, where PostgreSQL's programs fail. Swift
        // does not see the call that changes the folder in a spawn, so a shell does it.
        let words = ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, directory, executable] + self.arguments
        var arguments = words.map { strdup($0) } + [nil]
        var variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for pointer in arguments { free(pointer) }
            for pointer in variables { free(pointer) }
        }
        var child = pid_t()
        let result = posix_spawn(&child, words[0], &actions, &attributes, &arguments, &variables)
        guard result == 0 else {
            throw EmbeddedError.system("cannot run \(executable)", errno: result)
        }
        return child
    }

    /// The descriptors that are open now; the child closes them, so that it never keeps our listening socket or lock.
    private static func openDescriptors() -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { Int32($0) }
    }
}
