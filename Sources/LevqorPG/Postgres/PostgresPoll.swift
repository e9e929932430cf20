import Foundation

/// poll(2) on a socket and on the pipe that wakes it.
enum PostgresPoll {
    struct Ready {
        /// What the socket is ready for; zero where the time ran out or only the pipe spoke.
        var events: Int16
        var isWoken: Bool
    }

    /// Waits until the socket is ready, the pipe is readable or `until` has passed. A signal does not end it early.
    static func wait(
        _ socket: Int32,
        _ events: Int16,
        wake: Int32,
        until: ContinuousClock.Instant?
    ) -> Ready {
        withUnsafeTemporaryAllocation(of: pollfd.self, capacity: 2) { entries in
            entries[0] = pollfd(fd: socket, events: events, revents: 0)
            entries[1] = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
            while true {
                let status = poll(entries.baseAddress, 2, milliseconds(until: until))
                if status < 0 && errno == EINTR { continue }
                // On any other failure the socket counts as ready: the next read of it says what is wrong.
                if status < 0 { return Ready(events: events, isWoken: false) }
                return Ready(events: entries[0].revents, isWoken: entries[1].revents != 0)
            }
        }
    }

    /// Whether there is something to read now: bytes, or the other side's end.
    static func isReadable(_ socket: Int32) -> Bool {
        var entry = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, 0) != 0
    }

    /// Rounded up, so that a wait never ends just before its deadline and spins.
    private static func milliseconds(until: ContinuousClock.Instant?) -> Int32 {
        guard let until else { return -1 }
        let left = ContinuousClock.now.duration(to: until)
        guard left > .zero else { return 0 }
        let (seconds, attoseconds) = left.components
        guard seconds < 1_000_000 else { return 1_000_000_000 }
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
