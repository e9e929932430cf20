import Foundation

/// What a running PostgreSQL says of itself in `postmaster.pid`.
struct PostmasterFile: Sendable, Equatable {
    enum Status: String, Sendable { case starting, ready, stopping, standby, unknown }

    var pid: Int32
    /// Seconds since 1970; with the pid it tells one run from the next.
    var startedAt: Int
    var port: Int
    /// Empty while the server has not opened its socket.
    var socketFolder: String
    var status: Status

    /// Reads the file's text; nil when it does not even hold a process id (it is just being written, or torn).
    init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.trimmingCharacters(in: .whitespaces) }
        guard let first = lines.first, let pid = Int32(first), pid > 1 else { return nil }
        func line(_ number: Int) -> String { lines.count >= number ? lines[number - 1] : "" }
        self.pid = pid
        startedAt = Int(line(3)) ?? 0
        port = Int(line(4)) ?? 0
        socketFolder = line(5)
        status = Status(rawValue: line(8)) ?? .unknown
    }

    /// The file in a data folder, or nil when there is none that can be read.
    static func read(dataFolder: String) -> PostmasterFile? {
        (try? String(contentsOfFile: dataFolder + "/postmaster.pid", encoding: .utf8)).flatMap(PostmasterFile.init)
    }
}
