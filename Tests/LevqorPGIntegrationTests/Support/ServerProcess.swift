import Foundation
import Testing

@testable import LevqorPG

/// The built levqor-server as a process of its own, on an existing database.
final class ServerProcess: Sendable {
    let client: TestClient
    let admin: TestClient
    let folder: String
    private let process: Locked<Process>

    private init(folder: String, process: Process, client: TestClient, admin: TestClient) {
        self.folder = folder
        self.process = Locked(process)
        self.client = client
        self.admin = admin
    }

    /// Everything it wrote so far, to standard error and standard output.
    var log: String { (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "" }

    /// The binary: LEVQOR_SERVER_BINARY, or the one built beside the tests.
    static func binary() throws -> String {
        if let path = ProcessInfo.processInfo.environment["LEVQOR_SERVER_BINARY"] { return path }
        let path = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let candidates = [
            path.path + "/levqor-server", FileManager.default.currentDirectoryPath + "/.build/debug/levqor-server",
        ]
        return try #require(candidates.first { FileManager.default.isExecutableFile(atPath: $0) })
    }

    static func with(
        _ database: TestDatabase, _ variables: [String: String] = [:], _ body: (ServerProcess) async throws -> Void
    ) async throws {
        let server = try await start(database, variables)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(server))
        } catch {
            result = .failure(error)
        }
        if server.process.withLock({ $0.isRunning }) {
            server.signal(SIGKILL)
            _ = try await server.end()
        }
        try? FileManager.default.removeItem(atPath: server.folder)
        try result.get()
    }

    private static func start(_ database: TestDatabase, _ variables: [String: String]) async throws -> ServerProcess {
        let folder = NSTemporaryDirectory() + "/levqor-server-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        _ = FileManager.default.createFile(atPath: folder + "/log", contents: nil)
        let log = try #require(FileHandle(forWritingAtPath: folder + "/log"))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try binary())
        process.arguments = ["serve", "--directory", folder, "--port", "0", "--admin-port", "0"]
        process.environment = [
            "LEVQOR_DATABASE_URL": database.url, "LEVQOR_MASTER_KEY": TestServer.masterKey, "LEVQOR_LOG_LEVEL": "trace",
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "",
        ].merging(variables) { $1 }
        process.standardOutput = log
        process.standardError = log
        try process.run()
        let file = folder + "/server.json"
        let pid = process.processIdentifier
        try await eventually(
            "the server serves: \((try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "")"
        ) {
            guard kill(pid, 0) == 0 else {
                throw SandboxError((try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "")
            }
            return FileManager.default.fileExists(atPath: file)
        }
        let facts = try JSONParser.parse(try String(contentsOfFile: file, encoding: .utf8))
        let url = try #require(facts["url"]?.string.flatMap(URL.init(string:))?.port)
        let adminURL = try #require(facts["admin_url"]?.string.flatMap(URL.init(string:))?.port)
        return ServerProcess(folder: folder, process: process, client: TestClient(url), admin: TestClient(adminURL))
    }

    func signal(_ number: Int32) {
        process.withLock { _ = kill($0.processIdentifier, number) }
    }

    /// Waits for its end; gives the exit status, or minus the signal.
    func end() async throws -> Int32 {
        try await eventually("the server has ended") { !process.withLock { $0.isRunning } }
        return process.withLock { $0.terminationReason == .exit ? $0.terminationStatus : -$0.terminationStatus }
    }
}
