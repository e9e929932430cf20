import Foundation

/// Ends the commands of a worker that was itself killed without a chance to do so.
///
/// A small shell outlives the worker: it holds the read end of a pipe whose only write end is the worker's, knows the
/// process groups that run, and kills them when the pipe ends. This needs nothing of Linux alone. A process that leaves
/// its group, as daemons do, is out of its reach.
final class ProcessWarden: Sendable {
    private struct State {
        var writeEnd: Int32 = -1
        var shell: pid_t = -1
        var groups: Set<pid_t> = []
    }

    private static let script = """
        trap '' HUP INT QUIT TERM
        groups=' '
        while read -r sign group; do
            case $sign in
                +) groups="$groups$group " ;;
                -)
                    case $groups in
                        *" $group "*) groups="${groups%% "$group" *} ${groups#* "$group" }" ;;
                    esac
                    ;;
            esac
        done
        for group in $groups; do kill -s KILL -- "-$group"; done
        """

    private let state = Locked(State())

    /// Watches over a group. Once this returns, the group does not outlive the worker.
    func add(_ group: pid_t) throws {
        try state.withLock { state in
            state.groups.insert(group)
            if state.writeEnd < 0 || !ChildProcess.write("+ \(group)\n".utf8, to: state.writeEnd) {
                try Self.start(&state)
            }
        }
    }

    /// To be called while the group's number is still its own.
    func remove(_ group: pid_t) {
        state.withLock { state in
            state.groups.remove(group)
            _ = ChildProcess.write("- \(group)\n".utf8, to: state.writeEnd)
        }
    }

    /// Ends the shell, and with it whatever is still watched over.
    func close() {
        state.withLock { Self.end(&$0) }
    }

    deinit { close() }

    /// A new shell, because there is none or somebody killed it; it is told of all groups.
    private static func start(_ state: inout State) throws {
        end(&state)
        let (readEnd, writeEnd) = try ChildProcess.makePipe()
        let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer {
            Foundation.close(readEnd)
            Foundation.close(null)
        }
        do {
            state.shell = try ChildProcess.spawn(
                ["/bin/sh", "-c", script], environment: [:], descriptors: [readEnd, null, null])
        } catch {
            Foundation.close(writeEnd)
            throw error
        }
        state.writeEnd = writeEnd
        for group in state.groups { _ = ChildProcess.write("+ \(group)\n".utf8, to: writeEnd) }
    }

    private static func end(_ state: inout State) {
        if state.writeEnd >= 0 { Foundation.close(state.writeEnd) }
        if state.shell > 0 { _ = ChildProcess.reap(state.shell) }
        (state.writeEnd, state.shell) = (-1, -1)
    }
}
