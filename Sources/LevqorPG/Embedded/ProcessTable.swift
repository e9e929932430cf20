import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Looks at the processes of this machine, to tell a living PostgreSQL from the traces of a dead one.
enum ProcessTable {
    /// Whether `pid` is a PostgreSQL that works in `dataFolder`.
    ///
    /// A process id alone says little: ids are used again (in a restarted container even the same ones), and a dead
    /// process keeps its id until its parent has seen it. Where the kernel does not tell, the answer is yes.
    static func isServer(_ pid: Int32, in dataFolder: String) -> Bool {
        guard kill(pid, 0) == 0 || errno == EPERM else { return false }
        guard hasProc else { return true }
        guard let process = describe(pid) else { return false }
        if process.state == "Z" || process.state == "X" {
            // As the first process of a container we are everyone's parent in the end.
            var status: Int32 = 0
            waitpid(pid, &status, WNOHANG)
            return false
        }
        return process.isServer(of: dataFolder)
    }

    /// What is known of processes in a data folder.
    enum Presence: Sendable {
        case none
        case some
        /// The kernel does not tell; no conclusion may be drawn.
        case unknown
    }

    /// Whether any process of a PostgreSQL, also a child that outlived its parent, still works in `dataFolder`.
    static func servers(in dataFolder: String) -> Presence {
        guard hasProc, let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc") else {
            return .unknown
        }
        let living = names.compactMap { Int32($0) }.compactMap(describe).filter { process in
            process.state != "Z" && process.state != "X" && process.isServer(of: dataFolder)
        }
        if living.isEmpty { return .none }
        return living.contains { $0.folder != nil } ? .some : .unknown
    }

    private static var hasProc: Bool { access("/proc/self/stat", R_OK) == 0 }

    private struct Described {
        var name: String
        var state: Character
        /// Nil where we may not look (root in a container without the right to trace).
        var folder: String?

        func isServer(of dataFolder: String) -> Bool {
            guard name == "postgres" || name == "postmaster" else { return false }
            return folder == nil || folder == dataFolder
        }
    }

    private static func describe(_ pid: Int32) -> Described? {
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")"),
            let state = stat[close...].dropFirst(2).first
        else { return nil }
        return Described(
            name: String(stat[stat.index(after: open)..<close]),
            state: state,
            folder: try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/cwd")
        )
    }
}
