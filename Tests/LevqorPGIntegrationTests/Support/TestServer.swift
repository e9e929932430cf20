import Foundation
import Logging
import ServiceLifecycle
import Testing

@testable import LevqorPG

/// A real server in this process, on free ports.
struct TestServer: Sendable {
    static let masterKey = String(repeating: "5a", count: 32)

    let client: TestClient
    let admin: TestClient
    private let group: ServiceGroup
    private let running: Task<Void, any Error>

    private struct Whole: Service {
        let server: LevqorServer
        let ready: @Sendable (Int, Int) -> Void

        func run() async throws {
            try await server.run { url, adminURL in
                ready(url.flatMap(URL.init(string:))?.port ?? 0, URL(string: adminURL)?.port ?? 0)
            }
        }
    }

    /// Starts a server and waits until it listens. Throws what stops its boot.
    static func start(
        _ databaseURL: String, _ variables: [String: String] = [:], limits: ConnectionLimits = ConnectionLimits(),
        heartbeats: Heartbeats = Heartbeats()
    ) async throws -> TestServer {
        let settings = ["LEVQOR_PORT": "0", "LEVQOR_ADMIN_PORT": "0", "LEVQOR_MASTER_KEY": masterKey]
        let configuration = try ServerConfiguration(environment: settings.merging(variables) { $1 })
        let server = LevqorServer(
            configuration: configuration, databaseURL: databaseURL, masterKey: try MasterKey(masterKey),
            logger: TestDatabase.logger, extraServices: [], limits: limits, heartbeats: heartbeats
        )
        let (ports, tell) = AsyncStream.makeStream(of: (Int, Int).self)
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: Whole(server: server) { tell.yield(($0, $1)) })], logger: TestDatabase.logger
            )
        )
        let running = Task {
            defer { tell.finish() }
            try await group.run()
        }
        for await (port, adminPort) in ports {
            return TestServer(client: TestClient(port), admin: TestClient(adminPort), group: group, running: running)
        }
        try await running.value
        throw PostgresTestDatabase.NoError()
    }

    /// Runs a test against a server and stops it gracefully.
    static func with(
        _ database: TestDatabase, _ variables: [String: String] = [:], limits: ConnectionLimits = ConnectionLimits(),
        heartbeats: Heartbeats = Heartbeats(), _ body: (TestServer) async throws -> Void
    ) async throws {
        let server = try await start(database.url, variables, limits: limits, heartbeats: heartbeats)
        do {
            try await body(server)
        } catch {
            try? await server.stop()
            throw error
        }
        try await server.stop()
    }

    func beginStop() async { await group.triggerGracefulShutdown() }

    func stop() async throws {
        await group.triggerGracefulShutdown()
        try await running.value
    }

    /// One figure of the page for Prometheus.
    func figure(_ name: String) async throws -> Double {
        let page = try await admin.get("/metrics").text
        let line = page.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        return line.flatMap { Double($0.dropFirst(name.count + 1)) } ?? -1
    }

    func until(_ name: String, is value: Double) async throws {
        try await eventually("\(name) is \(value)") { try await figure(name) == value }
    }
}
