import Logging

/// The route table in use, and how it is loaded anew.
final class RouteStore: Sendable {
    private let pool: PostgresPool
    private let logger: Logger
    /// The table and the number of the load that it came from.
    private let state: Locked<(load: Int, table: RouteTable)>
    private let loading: RouteLoading

    /// - Parameter table: the first table, loaded before the server starts.
    init(_ table: RouteTable, pool: PostgresPool, logger: Logger) {
        self.pool = pool
        self.logger = logger
        state = Locked((0, table))
        loading = RouteLoading(logger: logger)
    }

    /// The table as of now.
    var table: RouteTable { state.withLock { $0.table } }

    /// Loads the table anew; callers at the same time share one load. Rows that do not fit are left out and logged; a
    /// load that fails keeps the old table.
    func reload() async {
        do {
            let (load, table) = try await loading.load(sharedFrom: pool)
            // Those who waited for an older load may come here last.
            state.withLock { if load > $0.load { $0 = (load, table) } }
        } catch {
            logger.error(
                "routes could not be loaded; the old ones stay", metadata: ["error": "\(error.textForLog)"])
        }
    }
}
