import Foundation

/// The four pipes of a command: feeds its standard input, keeps its result, passes its standard error on and keeps the
/// end of it, and hands out what comes on descriptor 3.
///
/// `@unchecked Sendable`: `pump` runs once, on one thread, and alone touches what is not locked.
final class WorkStreams: @unchecked Sendable {
    /// The pipes, before and while the command has the other ends.
    struct Pipes {
        let input: (readEnd: Int32, writeEnd: Int32)
        let outputs: [(readEnd: Int32, writeEnd: Int32)]

        init() throws {
            var made: [(readEnd: Int32, writeEnd: Int32)] = []
            do {
                for _ in 0..<4 { made.append(try ChildProcess.makePipe()) }
            } catch {
                for pipe in made {
                    close(pipe.readEnd)
                    close(pipe.writeEnd)
                }
                throw error
            }
            input = made[0]
            outputs = Array(made[1...])
        }

        var childEnds: [Int32] { [input.readEnd] + outputs.map(\.writeEnd) }

        func closeChildEnds() { for end in childEnds { close(end) } }

        func closeOwnEnds() { for end in [input.writeEnd] + outputs.map(\.readEnd) { close(end) } }
    }

    private static let mostErrorTail = 16 * 1024
    /// As much as a pipe that can be written to takes at once.
    private static let mostAtOnce = 4_096
    /// One command at a time: what is free for one is not free for two.
    private static let passing = NSLock()

    private var inputEnd: Int32
    private var input: ArraySlice<UInt8>
    /// Standard output, standard error, descriptor 3; -1 once at its end.
    private var ends: [Int32]
    private let note: @Sendable ([UInt8]) -> Void
    private var ending = WorkProcess.Ending(status: 0)
    private let until = Locked<ContinuousClock.Instant?>(nil)

    init(_ pipes: Pipes, input: [UInt8], note: @escaping @Sendable ([UInt8]) -> Void) {
        inputEnd = pipes.input.writeEnd
        ends = pipes.outputs.map(\.readEnd)
        self.input = input[...]
        self.note = note
        _ = fcntl(inputEnd, F_SETFL, fcntl(inputEnd, F_GETFL) | O_NONBLOCK)
    }

    /// From now on only what comes within this time is waited for.
    func expire(after time: Duration) { until.withLock { $0 = .now + time } }

    /// Moves bytes until all three outputs are at their ends.
    func pump() -> WorkProcess.Ending {
        while ends.contains(where: { $0 >= 0 }), until.withLock({ $0.map { $0 > .now } ?? true }) {
            // poll(2) leaves negative descriptors out.
            var waits = ends.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            waits.append(pollfd(fd: inputEnd, events: Int16(POLLOUT), revents: 0))
            guard poll(&waits, nfds_t(waits.count), 500) > 0 else { continue }
            if waits[3].revents != 0 { feed() }
            for stream in 0..<3 where waits[stream].revents != 0 { read(stream) }
        }
        closeInput()
        for end in ends where end >= 0 { close(end) }
        return ending
    }

    /// Writes to the worker's own standard error what fits there: nobody reading it must not hold up the work, and the
    /// end is kept anyway.
    private static func passOn(_ bytes: ArraySlice<UInt8>) {
        passing.withLock {
            var rest = bytes
            while !rest.isEmpty {
                var room = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
                guard poll(&room, 1, 0) > 0, Int32(room.revents) & POLLOUT != 0,
                    ChildProcess.write(rest.prefix(mostAtOnce), to: STDERR_FILENO)
                else { return }
                rest = rest.dropFirst(mostAtOnce)
            }
        }
    }

    private func feed() {
        let count = input.withUnsafeBytes { ChildProcess.systemWrite(inputEnd, $0.baseAddress, $0.count) }
        if count > 0 { input.removeFirst(count) }
        // A command need not read its input: nobody at the other end is no error.
        if input.isEmpty || (count < 0 && errno != EAGAIN && errno != EINTR) { closeInput() }
    }

    private func closeInput() {
        if inputEnd >= 0 { close(inputEnd) }
        inputEnd = -1
    }

    private func read(_ stream: Int) {
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = Foundation.read(ends[stream], &buffer, buffer.count)
        if count <= 0 {
            if count < 0, errno == EINTR || errno == EAGAIN { return }
            close(ends[stream])
            ends[stream] = -1
            return
        }
        let bytes = buffer[..<count]
        switch stream {
        case 0:
            let room = WorkVerdict.mostResult - ending.output.count
            ending.output += bytes.prefix(max(0, room))
            // The end of the last line does not count.
            let rest = bytes.dropFirst(max(0, room))
            if !rest.isEmpty, rest.count > 1 || rest.first != UInt8(ascii: "\n") { ending.isOutputCut = true }
        case 1:
            Self.passOn(bytes)
            ending.errorTail = (ending.errorTail + bytes).suffix(Self.mostErrorTail)
        default: note(Array(bytes))
        }
    }
}
