import Foundation

/// Lines of the log on their way to standard error: many a write, and none later than a fifth of a second.
///
/// A line that tells of an error is written at once, and with it what came before it, so that the order stays.
final class LogBuffer: Sendable {
    /// Of this process.
    static let standardError: LogBuffer = {
        let buffer = LogBuffer(STDERR_FILENO)
        // The last lines of a process are those that somebody will want to read.
        atexit { LogBuffer.standardError.flush() }
        return buffer
    }()

    private static let longest = DispatchTimeInterval.milliseconds(100)
    private static let fullSize = 64 * 1024

    private struct State {
        var bytes: [UInt8] = []
        var isPlanned = false
        /// The time to the second as text, made once a second.
        var second = (number: 0, text: [UInt8]())
    }

    private let descriptor: Int32
    private let state = Locked(State())
    /// One flush at a time: two would mix their lines.
    private let writing = Locked(())

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Adds a line, which begins with the time.
    ///
    /// - Parameter write: appends everything behind the time, and no end of line.
    func append(isUrgent: Bool, _ write: (inout [UInt8]) -> Void) {
        let now = WallClock.now()
        let (isFull, isToPlan) = state.withLock { state in
            if state.second.number != now.seconds || state.second.text.isEmpty {
                state.second = (now.seconds, Array(now.textToTheSecond.utf8))
            }
            state.bytes.append(contentsOf: "{\"time\":\"".utf8)
            state.bytes.append(contentsOf: state.second.text)
            let milliseconds = now.nanoseconds / 1_000_000
            state.bytes.append(UInt8(ascii: "."))
            for part in [milliseconds / 100, milliseconds / 10 % 10, milliseconds % 10] {
                state.bytes.append(UInt8(ascii: "0") + UInt8(part))
            }
            state.bytes.append(contentsOf: "Z\"".utf8)
            write(&state.bytes)
            state.bytes.append(contentsOf: "}\n".utf8)
            let isToPlan = !state.isPlanned && !isUrgent
            if isToPlan { state.isPlanned = true }
            return (state.bytes.count >= Self.fullSize, isToPlan)
        }
        if isToPlan {
            DispatchQueue.global().asyncAfter(deadline: .now() + Self.longest) {
                self.state.withLock { $0.isPlanned = false }
                self.flush()
            }
        }
        if isUrgent || isFull { flush() }
    }

    /// Writes what has come so far.
    func flush() {
        writing.withLock { _ in
            var bytes: [UInt8] = []
            state.withLock { swap(&bytes, &$0.bytes) }
            bytes.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                    if count < 0, errno == EINTR { continue }
                    // Nobody reads it, or it is full and must not be waited for: what is left is lost.
                    guard count > 0 else { break }
                    rest = rest.dropFirst(count)
                }
            }
            bytes.removeAll(keepingCapacity: true)
            state.withLock { if $0.bytes.isEmpty { swap(&bytes, &$0.bytes) } }
        }
    }
}
