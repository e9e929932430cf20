/// Who started a running cluster and who is connected to it.
struct ClusterClients: Sendable, Equatable {
    /// The process id of the server that started it; nil when something else did.
    var starter: Int32?
    /// Clients that are no server of ours: psql, a dump, a base backup.
    var others: Int

    /// The setting that the server gives PostgreSQL on its command line; it lives exactly as long as that run.
    static let starterSetting = "levqor.starter"

    /// What the server's connections call themselves begins with this; left-overs of a killed server are no clients.
    static let applicationName = "levqor-server"

    static let query = """
        select coalesce(current_setting('\(starterSetting)', true), '') || '|' || count(*)
        from pg_catalog.pg_stat_activity as a
        where a.backend_type in ('client backend', 'walsender')
            and a.pid <> pg_catalog.pg_backend_pid()
            and not pg_catalog.starts_with(a.application_name, '\(applicationName)')
        """

    init?(answer: String) {
        let parts = answer.split(separator: "|", omittingEmptySubsequences: false)
        guard parts.count == 2, let others = Int(parts[1]) else { return nil }
        starter = Int32(parts[0])
        self.others = others
    }
}
