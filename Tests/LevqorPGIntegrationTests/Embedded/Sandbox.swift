import Foundation
import Logging
import Testing

@testable import LevqorPG

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A project folder of one test, and everything that its cluster leaves on the machine.
struct Sandbox: Sendable {
    /// As `mktemp -d` makes it: mode 0700, of the user who runs the test.
    let root: String
    let directory: String

    /// Whether tests may change to other users.
    static let isRoot = geteuid() == 0

    init(under subfolder: String = "") throws {
        var template = Array("/tmp/levqor-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SandboxError("mkdtemp failed") }
        root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        directory = (subfolder.isEmpty ? root : "\(root)/\(subfolder)") + "/.levqor"
        try FileManager.default.createDirectory(
            atPath: (directory as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true
        )
    }

    /// Runs a test in a folder of its own and removes all of it afterwards, also PostgreSQL.
    static func with(under subfolder: String = "", _ body: (Sandbox) async throws -> Void) async throws {
        let sandbox = try Sandbox(under: subfolder)
        do {
            try await body(sandbox)
            try await sandbox.remove()
        } catch {
            try await sandbox.remove()
            throw error
        }
    }

    func cluster(_ change: (inout EmbeddedCluster.Options) -> Void = { _ in }) -> EmbeddedCluster {
        Self.cluster(directory, change)
    }

    static func cluster(
        _ directory: String,
        _ change: (inout EmbeddedCluster.Options) -> Void = { _ in }
    ) -> EmbeddedCluster {
        var options = EmbeddedCluster.Options()
        options.startTimeout = .seconds(60)
        options.watchInterval = .milliseconds(20)
        change(&options)
        let logger = Logger(label: "embedded-test") { _ in SwiftLogNoOpLogHandler() }
        return EmbeddedCluster(directory: directory, logger: logger, options: options)
    }

    /// The real data folder.
    var data: String {
        let entry = directory + "/pg"
        return (try? FileManager.default.destinationOfSymbolicLink(atPath: entry)) ?? entry
    }

    /// The process id of the PostgreSQL that runs from the data folder, if one does.
    var postmaster: Int32? {
        guard let file = PostmasterFile.read(dataFolder: data), ProcessTable.isServer(file.pid, in: data) else {
            return nil
        }
        return file.pid
    }

    func remove() async throws {
        let socket = PostmasterFile.read(dataFolder: data)?.socketFolder
        if let postmaster {
            kill(postmaster, SIGQUIT)
            try await eventually("PostgreSQL ends") {
                ProcessTable.servers(in: data) != .some && self.postmaster == nil
            }
        }
        let home = (data as NSString).deletingLastPathComponent
        if home.hasPrefix(ClusterPlace.systemRoot + "/") { try? FileManager.default.removeItem(atPath: home) }
        if let socket, socket.hasPrefix("/tmp/levqor-") { try? FileManager.default.removeItem(atPath: socket) }
        try FileManager.default.removeItem(atPath: root)
        // Only when no other cluster lives there.
        rmdir(ClusterPlace.systemRoot)
    }
}

struct SandboxError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Looks at a condition again and again, and fails when it has not come true after a minute.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw SandboxError("never: \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}

/// What psql answers to one statement.
func ask(_ sql: String, _ url: String, prefix: [String] = []) async throws -> Command.Output {
    let found = await BinaryFinder.find()
    let psql = try #require(found.max { $0.major < $1.major }).path("psql")
    let words = prefix + [psql, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql]
    return try await Command(
        executable: words[0],
        arguments: Array(words.dropFirst()),
        environment: ["LC_ALL": "C", "PATH": BinaryFinder.systemPath]
    ).run()
}
