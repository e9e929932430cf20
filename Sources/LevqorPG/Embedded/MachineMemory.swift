import Foundation

/// How much memory this process may count on.
enum MachineMemory {
    /// The machine's memory or the container's limit, whichever is less, in bytes.
    static func available() -> UInt64 {
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        let found = limits.compactMap { path in
            (try? String(contentsOfFile: path, encoding: .utf8)).flatMap(limit)
        }
        return ([ProcessInfo.processInfo.physicalMemory] + found).min() ?? 0
    }

    /// The number in a control group's file; "max" means none.
    static func limit(_ text: String) -> UInt64? { UInt64(text.trimmingCharacters(in: .whitespacesAndNewlines)) }
}
