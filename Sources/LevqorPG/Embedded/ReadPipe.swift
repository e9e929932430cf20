import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A pipe whose write end goes to a child, and what the child wrote into it. Used by one thread only.
final class ReadPipe {
    /// More than this of one stream is dropped: it is shown to a person or holds one short answer.
    static let limit = 256 * 1024

    private(set) var writeEnd: Int32
    private let readEnd: Int32
    private var bytes: [UInt8] = []
    private var atEnd = false

    var text: String {
        String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw EmbeddedError.system("cannot make a pipe", errno: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        closeWriteEnd()
        close(readEnd)
    }

    func closeWriteEnd() {
        if writeEnd >= 0 { close(writeEnd) }
        writeEnd = -1
    }

    /// Reads all pipes to their ends; false when the deadline came first.
    static func drain(_ pipes: [ReadPipe], until deadline: ContinuousClock.Instant) -> Bool {
        while true {
            let open = pipes.filter { !$0.atEnd }
            if open.isEmpty { return true }
            let left = ContinuousClock.now.duration(to: deadline)
            if left <= .zero { return false }
            var waits = open.map { pollfd(fd: $0.readEnd, events: Int16(POLLIN), revents: 0) }
            let milliseconds = Int32(clamping: left.components.seconds * 1000 + 1)
            guard poll(&waits, nfds_t(waits.count), min(milliseconds, 60_000)) > 0 else { continue }
            for (pipe, wait) in zip(open, waits) where wait.revents != 0 { pipe.readSome() }
        }
    }

    private func readSome() {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        let count = read(readEnd, &buffer, buffer.count)
        if count > 0 {
            bytes.append(contentsOf: buffer[..<min(count, max(0, Self.limit - bytes.count))])
        } else if count == 0 || errno != EINTR {
            atEnd = true
        }
    }
}
