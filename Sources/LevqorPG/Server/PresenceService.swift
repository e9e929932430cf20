import Logging
import ServiceLifecycle

/// Tells the database that this server is alive, where no clock runs that would.
struct PresenceService: Service {
    let pool: PostgresPool
    let heartbeats: Heartbeats
    let server: String
    let version: String
    let build: String
    let logger: Logger

    private static let loop = "presence"
    private static let interval = Duration.seconds(5)

    init(
        pool: PostgresPool, heartbeats: Heartbeats, server: String, version: String, build: String, logger: Logger
    ) {
        self.pool = pool
        self.heartbeats = heartbeats
        self.server = server
        self.version = version
        self.build = build
        self.logger = logger
        heartbeats.expect(Self.loop, within: .seconds(60))
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var isKnown = false
            while !Task.isCancelled {
                do {
                    if !isKnown {
                        try await call(
                            "select ops.note_server_start($1, $2, $3)", [.text(server), .text(version), .text(build)])
                    }
                    isKnown =
                        try await call("select ops.note_server_alive($1)", [.text(server)]).first?.bool(0) ?? false
                    heartbeats.beat(Self.loop)
                } catch {
                    if Task.isCancelled { return }
                    logger.warning(
                        "the server could not say that it is alive", metadata: ["error": "\(error.textForLog)"])
                }
                try? await Task.sleep(for: Self.interval)
            }
        }
    }

    @discardableResult
    private func call(_ statement: String, _ parameters: [PostgresParameter]) async throws -> PostgresResult {
        try await pool.withConnection { connection in
            try await connection.queryPrepared(statement, parameters, deadline: .seconds(10))
        }
    }
}
