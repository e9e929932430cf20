import Logging

/// Loads routes, at most one load at a time and one more waiting.
actor RouteLoading {
    /// A table and the number of its load: a higher one is newer.
    typealias Numbered = (load: Int, table: RouteTable)

    private let logger: Logger
    private var running: Task<Numbered, any Error>?
    private var queued: Task<Numbered, any Error>?
    private var count = 0

    init(logger: Logger) { self.logger = logger }

    /// Loads the table. What it holds was read after this call began.
    func load(sharedFrom pool: PostgresPool) async throws -> Numbered {
        // A load under way may have read the rows before the change that this caller heard of: take the one after it.
        if let queued { return try await queued.value }
        let before = running
        let task = Task {
            _ = try? await before?.value
            let number = self.start(afterOther: before != nil)
            return (load: number, table: try await self.loadFitting(pool))
        }
        if before == nil { running = task } else { queued = task }
        defer { finish(task) }
        return try await task.value
    }

    private func start(afterOther: Bool) -> Int {
        if afterOther {
            running = queued
            queued = nil
        }
        count += 1
        return count
    }

    private func finish(_ task: Task<Numbered, any Error>) {
        if running == task { running = nil }
    }

    /// Loads what fits: while a server runs, one bad row takes no good route down. Logs what is left out.
    private nonisolated func loadFitting(_ pool: PostgresPool) async throws -> RouteTable {
        try await pool.withConnection { [logger] connection in
            let rows: PostgresResult
            do {
                rows = try await Self.rows(connection)
            } catch let error as PostgresError where error.sqlstate == "LQ500" {
                logger.error("routes that do not fit are left out", metadata: ["routes": "\(error.detail ?? "")"])
                rows = try await Self.rows(connection, "true")
            }
            return RouteTable(
                rows.compactMap { row in
                    do {
                        return try Self.route(row)
                    } catch {
                        logger.error("a route is left out", metadata: ["route": "\(error)"])
                        return nil
                    }
                }
            )
        }
    }

    /// Loads the table as a server needs it to start: whole.
    ///
    /// - Throws: what the database says when a row and its function do not fit, `RouteError` when a schema does not compile.
    static func load(_ connection: PostgresConnection) async throws -> RouteTable {
        RouteTable(try await rows(connection).map(route))
    }

    private static func rows(_ connection: PostgresConnection, _ argument: String = "") async throws -> PostgresResult {
        try await connection.query(
            """
            select id, method, path, version, lane, timeout_ms, body_cap, request_schema, parameters, limit_class, constant,
                access, reads_replica, body_kind
            from http.load_routes(\(argument))
            """,
            deadline: .seconds(30)
        )
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
            let route = Route(
                id: id, method: method, path: path, version: version, lane: lane, timeout: .milliseconds(timeout),
                bodyCap: bodyCap, body: try row.string(7).map { try JSONSchema(try JSONParser.parse($0)) },
                parameters: rules, access: row.string(11).flatMap(Route.Access.init) ?? .public,
                limitClass: row.string(9),
                constant: try row.string(10).map { try ConstantAnswer(try JSONParser.parse($0), route: name) },
                readsReplica: row.bool(12) ?? false, takesRawBody: row.string(13) == "raw"
            )
            guard route.constant == nil || route.access == .public else {
                throw RouteError(
                    route: name, reason: "its answer is constant, so that anybody gets it: access must be public")
            }
            return route
        } catch let error as RouteError {
            throw error
        } catch {
            throw RouteError(route: name, reason: "\(error)")
        }
    }
}
