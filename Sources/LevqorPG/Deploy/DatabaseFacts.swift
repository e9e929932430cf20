/// What a check found out about a database, before it is judged.
struct DatabaseFacts: Sendable, Equatable {
    var versionNumber: Int
    var version: String
    var encoding: String
    var login: String
    var isSuperuser: Bool
    /// Whether the login may SET ROLE levqor_server; nil: the role does not exist.
    var mayBeServer: Bool?
    var fsync: String
    var synchronousCommit: String
    var maxConnections: Int
    var reservedConnections: Int
    var usedConnections: Int
    /// The database's clock less this machine's, in seconds.
    var clockOffset: Double

    static let oldestVersion = 150_000
    static let largestClockOffset = 5.0

    /// The judgement. Pure.
    ///
    /// - Parameters:
    ///   - isEmbedded: the server's own PostgreSQL, where the login has to be a superuser.
    ///   - connections: how many the server opens for requests.
    func findings(isEmbedded: Bool, connections: Int) -> [CheckFinding] {
        [
            versionFinding, encodingFinding, isEmbedded ? nil : loginFinding, roleFinding, durability, commitFinding,
            connectionFinding(connections), clockFinding,
        ].compactMap(\.self)
    }

    private var versionFinding: CheckFinding {
        versionNumber >= Self.oldestVersion
            ? .ok("PostgreSQL is \(version).")
            : .error("PostgreSQL is \(version), which is too old.", "Upgrade to PostgreSQL 15 or newer.")
    }

    private var encodingFinding: CheckFinding? {
        encoding == "UTF8"
            ? nil
            : .error(
                "The database's encoding is \(encoding).",
                "Make one with: create database levqor encoding 'UTF8' template template0;"
            )
    }

    private var loginFinding: CheckFinding {
        isSuperuser
            ? .warning(
                "The server's login \(login) is a superuser.",
                "Make one for the server: create role levqor_login login password '...'; grant levqor_server to levqor_login;"
            )
            : .ok("The server's login \(login) is no superuser.")
    }

    private var roleFinding: CheckFinding {
        switch mayBeServer {
        case true: .ok("The login may work as levqor_server.")
        case false:
            .error(
                "The login \(login) may not work as levqor_server.", "As a superuser: grant levqor_server to \(login);"
            )
        case nil: .error("There is no role levqor_server.", "Run levqor-server migrate.")
        }
    }

    private var durability: CheckFinding? {
        fsync == "on"
            ? nil
            : .warning(
                "fsync is off: a crash of the machine can ruin the whole database.",
                "Set fsync = on in postgresql.conf.")
    }

    private var commitFinding: CheckFinding {
        ["on", "remote_apply", "remote_write", "local"].contains(synchronousCommit)
            ? .ok("An answered request is on disk (synchronous_commit is \(synchronousCommit)).")
            : .warning(
                "synchronous_commit is \(synchronousCommit): a crash loses requests that were answered already.",
                "Set it to on in postgresql.conf, or for the database."
            )
    }

    private func connectionFinding(_ connections: Int) -> CheckFinding {
        // Requests, LISTEN, clock and reactor, and one that waits for its old self to be noticed.
        let needed = connections + 4
        let free = maxConnections - reservedConnections - usedConnections
        return free >= needed
            ? .ok("There is room for \(free) more connections; a server opens about \(needed).")
            : .warning(
                "There is room for \(max(0, free)) more connections; a server opens about \(needed).",
                "Raise max_connections (\(maxConnections)), or lower LEVQOR_CONNECTIONS."
            )
    }

    private var clockFinding: CheckFinding {
        let tenths = (clockOffset.magnitude * 10).rounded() / 10
        return clockOffset.magnitude < Self.largestClockOffset
            ? .ok("The clocks of machine and database agree.")
            : .error(
                "The database's clock is \(tenths) s \(clockOffset > 0 ? "ahead of" : "behind") this machine's.",
                "Run an NTP service on both: signatures and leases carry times."
            )
    }
}
