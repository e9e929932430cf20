import Foundation

/// One run of the command for one job: its streams, its signals, its end.
///
/// It is started through a shell that waits for a first line before it becomes the command: until then the group is
/// known to the warden, so that there is no moment in which a killed worker leaves it behind.
final class WorkProcess: Sendable {
    /// How it ended, and what it left.
    struct Ending: Sendable {
        /// As a shell shows it: 128 and the signal's number when a signal ended it.
        var status: Int32
        var output: [UInt8] = []
        /// Standard output was longer than a result may be.
        var isOutputCut = false
        /// The end of standard error.
        var errorTail: [UInt8] = []
    }

    private enum Phase { case running, ended, reaped }

    private static let gate = #"IFS= read -r go || exit 125; exec "$@""#
    /// How long is waited for the streams when the group is gone; who holds them then has left it.
    private static let leftover = Duration.seconds(1)

    private let child: pid_t
    private let warden: ProcessWarden
    private let streams: WorkStreams
    private let phase = Locked(Phase.running)

    /// - Parameter words: the program, with its folder, and its arguments.
    /// - Parameter input: what it reads from standard input.
    /// - Parameter note: called with what comes on descriptor 3.
    init(
        _ words: [String], environment: [String: String], input: [UInt8], warden: ProcessWarden,
        note: @escaping @Sendable ([UInt8]) -> Void
    ) throws {
        let pipes = try WorkStreams.Pipes()
        defer { pipes.closeChildEnds() }
        do {
            child = try ChildProcess.spawn(
                ["/bin/sh", "-c", Self.gate, "sh"] + words, environment: environment, descriptors: pipes.childEnds)
        } catch {
            pipes.closeOwnEnds()
            throw error
        }
        self.warden = warden
        streams = WorkStreams(pipes, input: [UInt8(ascii: "\n")] + input, note: note)
        do {
            try warden.add(child)
        } catch {
            // The gate is still shut: it ends by itself when its pipe does.
            pipes.closeOwnEnds()
            _ = ChildProcess.reap(child)
            throw error
        }
    }

    /// Lets it begin, and waits for its end. To be called once.
    func run() async -> Ending {
        async let end: Void = Self.onThread { [self] in
            ChildProcess.awaitEnd(child)
            phase.withLock { $0 = .ended }
            // Whatever it left behind in its group works for nobody.
            kill(-child, SIGKILL)
            streams.expire(after: Self.leftover)
        }
        var ending = await Self.onThread { [self] in streams.pump() }
        await end
        warden.remove(child)
        phase.withLock { $0 = .reaped }
        ending.status = ChildProcess.reap(child)
        return ending
    }

    /// Sends a signal to the whole group; false when the command has ended already.
    @discardableResult
    func signal(_ number: Int32) -> Bool {
        phase.withLock { phase in
            if case .running = phase { return kill(-child, number) == 0 }
            return false
        }
    }

    private static func onThread<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            let thread = Thread { continuation.resume(returning: work()) }
            thread.name = "levqor-work"
            thread.start()
        }
    }
}
