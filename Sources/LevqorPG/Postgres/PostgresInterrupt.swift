import Foundation

/// What other threads may do to a session's thread: wake it out of poll(2) and ask its running call to stop.
///
/// Every call has a number. A request names the number it means, so one that comes late cannot hit the next call.
final class PostgresInterrupt: Sendable {
    private struct State {
        var number: UInt64 = 0
        var isRaised = false
    }

    private let state = Locked(State())
    /// Polled beside the socket; readable when someone has knocked.
    let readEnd: Int32
    private let writeEnd: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw PostgresError(.connectionFailed, "no pipe could be made (error \(errno))")
        }
        (readEnd, writeEnd) = (ends[0], ends[1])
        for end in ends {
            // Never blocks: a full pipe is as good as one more knock.
            _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// Starts a call and returns its number.
    func begin() -> UInt64 {
        state.withLock { state in
            state.number += 1
            state.isRaised = false
            return state.number
        }
    }

    /// Ends the call that `begin` started; requests for it are void from here on.
    func end() {
        state.withLock { state in
            state.number += 1
            state.isRaised = false
        }
    }

    /// Asks the call of that number to stop. Called by a cancellation handler, from any thread.
    func raise(_ number: UInt64) {
        let isNew = state.withLock { state in
            guard state.number == number, !state.isRaised else { return false }
            state.isRaised = true
            return true
        }
        if isNew { knock() }
    }

    var isRaised: Bool { state.withLock(\.isRaised) }

    /// Wakes the session's thread out of poll(2). A knock too many costs one turn of its loop.
    func knock() {
        var byte: UInt8 = 1
        _ = write(writeEnd, &byte, 1)
    }

    /// Takes all knocks. For the session's thread.
    func drain() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while read(readEnd, buffer.baseAddress, buffer.count) == buffer.count {}
        }
    }
}
