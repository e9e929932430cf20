import Foundation
import Logging
import Testing

@testable import LevqorPG

/// A primary with everything deployed, and a real streaming standby of it: two clusters of one test.
struct StandbyPair: Sendable {
    let primary: TestDatabase
    let standby: TestDatabase
    private let tools: ClusterTools
    private let socket: String

    private static let port = "5433"

    /// Makes both, runs the test and removes both.
    static func with(_ body: (StandbyPair) async throws -> Void) async throws {
        try await Sandbox.with { sandbox in
            let endpoint = try await sandbox.cluster().start()
            let primary = TestDatabase(name: "levqor", url: endpoint.connectionString)
            var root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            for _ in 0..<4 { root.deleteLastPathComponent() }
            let sql =
                ProcessInfo.processInfo.environment["LEVQOR_SQL_DIRECTORY"] ?? root.appendingPathComponent("sql").path
            _ = try await Migrator(
                databaseURL: primary.url, sqlDirectory: sql, environment: nil, logger: TestDatabase.logger,
                tell: { _ in }
            ).run(prune: false)

            let place = try await ClusterPlace.resolve(directory: sandbox.directory)
            let binaries = try ClusterBinaries.choose(
                from: await BinaryFinder.find(), data: (place.data, try ClusterMaker.major(place)),
                account: place.account, asRoot: Sandbox.isRoot
            )
            let there = ClusterPlace(
                directory: place.directory, home: place.home, data: place.home + "/standby", account: place.account)
            let pair = StandbyPair(
                primary: primary,
                standby: TestDatabase(
                    name: "levqor", url: try DeployDatabase.render(endpoint.connectionString, ["port": port])),
                tools: ClusterTools(binaries: binaries, place: there), socket: endpoint.socketDirectory
            )
            try PrivateFolder.make(there.data, owner: place.account)
            try await pair.run(
                "pg_basebackup",
                [
                    "--pgdata=\(there.data)", "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
                    "--dbname=\(endpoint.connectionString)",
                ])
            try await pair.start()
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(pair))
            } catch {
                result = .failure(error)
            }
            // It may be stopped already.
            try? await pair.stop()
            try result.get()
        }
    }

    func start() async throws {
        let options = [
            "port=\(Self.port)", "unix_socket_directories=\(socket)", "logging_collector=off", "fsync=off",
            "cluster_name=standby",
        ]
        try await run(
            "pg_ctl",
            [
                "start", "--silent", "--wait", "--log=log/standby.log",
                "--options=" + options.map { "-c \($0)" }.joined(separator: " "),
            ])
    }

    /// As a machine that loses its power: nobody is told.
    func stop() async throws {
        try await run("pg_ctl", ["stop", "--silent", "--wait", "--mode=immediate"])
    }

    /// Waits until the standby shows everything that is committed on the primary now.
    func catchUp() async throws {
        let position = try #require(try await primary.text("select pg_current_wal_lsn()"))
        try await standby.until("select pg_last_wal_replay_lsn() >= $1::pg_lsn", [.text(position)])
    }

    private func run(_ program: String, _ arguments: [String]) async throws {
        let output = try await tools.run(program, arguments)
        guard output.succeeded else { throw SandboxError("\(program): \(output.text)") }
    }
}
