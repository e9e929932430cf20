import Logging

/// The route table in use, and how it is loaded anew.
final class RouteStore: Sendable {
    private let pool: PostgresPool
    private let logger: Logger
    private let state: Locked<RouteTable>
    private let loading: RouteLoading

    /// - Parameter table: the first table, loaded before the server starts.
    init(_ table: RouteTable, pool: PostgresPool, logger: Logger) {
        self.pool = pool
        self.logger = logger
        state = Locked(table)
        loading = RouteLoading()
    }

    /// The table as of now.
    var table: RouteTable { state.withLock { $0 } }

    /// Loads the table anew; callers at the same time share one load. A load that fails keeps the old table.
    func reload() async {
        do {
            let table = try await loading.load(sharedFrom: pool)
            state.withLock { $0 = table }
        } catch {
            logger.error("routes could not be loaded; the old ones stay", metadata: ["error": "\(String(reflecting: error))"])
        }
    }
}

/// A schema of a route does not compile.
struct RouteError: Error, CustomStringConvertible {
    let route: String
    let reason: String
    var description: String { "\(route): \(reason)" }
}

/// Loads routes, at most one load at a time and one more waiting.
actor RouteLoading {
    private var running: Task<RouteTable, any Error>?
    private var queued: Task<RouteTable, any Error>?

    func load(sharedFrom pool: PostgresPool) async throws -> RouteTable {
        // A load under way may have read the rows before the change that this caller heard of: take the one after it.
        if let queued { return try await queued.value }
        let before = running
        let task = Task {
            _ = try? await before?.value
            self.start()
            return try await Self.load(pool)
        }
        if before == nil { running = task } else { queued = task }
        defer { finish(task) }
        return try await task.value
    }

    private func start() {
        if let queued {
            running = queued
            self.queued = nil
        }
    }

    private func finish(_ task: Task<RouteTable, any Error>) {
        if running == task { running = nil }
    }

    static func load(_ pool: PostgresPool) async throws -> RouteTable {
        try await pool.withConnection { connection in try await load(connection) }
    }

    /// Loads the table.
    ///
    /// - Throws: what the database says when a row and its function do not fit, `RouteError` when a schema does not compile.
    static func load(_ connection: PostgresConnection) async throws -> RouteTable {
        let result = try await connection.query(
            "select id, method, path, version, lane, timeout_ms, body_cap, request_schema, parameters from http.load_routes()",
            deadline: .seconds(30)
        )
        return RouteTable(try result.map(route))
    }

    private static func route(_ row: PostgresRow) throws -> Route {
        let name = "\(row.string(1) ?? "?") \(row.string(2) ?? "?")"
        guard
            let id = row.int(0), let method = row.string(1), let path = row.string(2), let version = row.int(3),
            let lane = row.string(4).flatMap(Route.Lane.init), let timeout = row.int(5), let bodyCap = row.int(6)
        else { throw RouteError(route: name, reason: "the row is not complete") }
        do {
            let parameters = try row.string(8).map { try JSONParser.parse($0) }?.object?.members ?? []
            var rules: [String: ParameterRule] = [:]
            for parameter in parameters { rules[parameter.name] = try ParameterRule(parameter.value) }
            return Route(
                id: id, method: method, path: path, version: version, lane: lane, timeout: .milliseconds(timeout),
                bodyCap: bodyCap, body: try row.string(7).map { try JSONSchema(try JSONParser.parse($0)) },
                parameters: rules
            )
        } catch {
            throw RouteError(route: name, reason: "\(error)")
        }
    }
}
