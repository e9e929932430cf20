import Foundation

/// The text of the files that configure a private cluster; pure, so that each rule has a test.
struct ClusterSettings: Sendable {
    /// The role that initdb makes.
    static let superuser = "postgres"
    /// The roles that the server's user and the cluster's user may log in as without a password.
    static let roles = [superuser, "levqor_owner", "levqor_server", "levqor_dba", "levqor_bi"]
    /// The first line of `postgresql.conf` that is ours; it is added once.
    static let include = "include_if_exists = 'levqor.conf'"

    var socketFolder: String
    var port: Int
    var logFolder: String
    /// The memory that this machine or container may use, in bytes.
    var memory: UInt64
    /// Whether this PostgreSQL was built with lz4.
    var hasLZ4: Bool

    /// `levqor.conf`: everything that differs from PostgreSQL's defaults, with the reason.
    var main: String {
        let compression =
            hasLZ4
            ? "default_toast_compression = lz4  # faster than pglz at the same size\nwal_compression = lz4"
            : "wal_compression = on"
        return """
            # Written by the server at each start. Put settings of your own into local.conf: they win over these.

            # Who reaches it: this machine, through one folder that only the owner may enter.
            listen_addresses = ''
            unix_socket_directories = \(Self.quote(Self.listQuote(socketFolder)))
            unix_socket_permissions = 0700
            port = \(port)
            cluster_name = 'levqor'
            max_connections = 100

            # A commit that was answered is on disk.
            fsync = on
            full_page_writes = on
            synchronous_commit = on
            # Not minimal: pg_basebackup and archiving need it, and it costs nothing that can be measured here.
            wal_level = replica
            max_wal_size = 2GB
            checkpoint_timeout = 15min
            \(compression)

            # Memory: an eighth of the machine at most.
            shared_buffers = \(Self.sharedBuffers(memory: memory))MB
            effective_cache_size = \(max(128, memory / 2 / 1_048_576))MB
            maintenance_work_mem = 64MB
            work_mem = 8MB
            random_page_cost = 1.1  # solid state disks
            jit = off  # compiling costs more than the short statements of a server win

            # Queue tables die young: clean early, look often.
            autovacuum_naptime = 15s
            autovacuum_vacuum_scale_factor = 0.05
            autovacuum_vacuum_insert_scale_factor = 0.1
            autovacuum_analyze_scale_factor = 0.05
            autovacuum_vacuum_cost_limit = 1000
            # A forgotten transaction stops all cleaning in the cluster.
            idle_in_transaction_session_timeout = 10min

            # The log: a file for each weekday, and never a parameter's value, which may be a secret.
            logging_collector = on
            log_directory = \(Self.quote(logFolder))
            log_filename = 'postgresql-%a.log'
            log_truncate_on_rotation = on
            log_rotation_age = 1d
            log_rotation_size = 0
            log_file_mode = 0600
            log_line_prefix = '%m [%p] %q%u@%d %a '
            log_min_duration_statement = 1000
            log_parameter_max_length = 0
            log_parameter_max_length_on_error = 0
            log_lock_waits = on
            log_checkpoints = on
            lc_messages = 'C'

            timezone = 'UTC'
            log_timezone = 'UTC'

            include_if_exists = 'local.conf'

            """
    }

    /// `pg_hba.conf`: the kernel says who is at the other end of the socket; everyone else needs a password.
    ///
    /// `peer` rather than `trust`, although the socket's folder is closed: opening that folder to a reporting tool
    /// must not make the tool a superuser.
    static var access: String {
        """
        # Written by the server at each start.
        # type  database     user  method
        local   all          \(roles.joined(separator: ",")) peer map=levqor
        local   replication  \(superuser) peer map=levqor
        local   all          all scram-sha-256

        """
    }

    /// `pg_ident.conf`: which users of the operating system may be which of the roles.
    static func identities(users: [String]) -> String {
        var lines = ["# Written by the server at each start.", "# map    system user  role"]
        var seen: Set<String> = []
        for user in users where seen.insert(user).inserted {
            lines += roles.map { "levqor  \"\(user)\"  \($0)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// 256 MB, or an eighth of the memory where that is less, in megabytes.
    static func sharedBuffers(memory: UInt64) -> UInt64 { min(256, max(16, memory / 8 / 1_048_576)) }

    /// A value as `postgresql.conf` takes it; a backslash escapes there, too.
    static func quote(_ value: String) -> String {
        let escaped = value.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "'", with: "''")
        return "'\(escaped)'"
    }

    /// One entry of a list of folders; in double quotes commas and blanks are plain text.
    static func listQuote(_ entry: String) -> String {
        "\"\(entry.replacingOccurrences(of: "\"", with: "\"\""))\""
    }
}
