/// How to reach a database: a libpq URI or key=value string, and what is always set on top of it.
///
/// The string is checked when a connection is opened (`.invalidConfiguration`). Its password leaves this struct towards
/// libpq only: every text made of it is redacted.
struct PostgresConfiguration: Sendable {
    /// What libpq is given; may hold a password, so never print it.
    let connectionString: String
    /// Shown in pg_stat_activity.
    var applicationName: String
    /// How long opening a connection may take. Name resolution is bounded by the resolver's own timeouts
    /// (getaddrinfo(3) cannot be interrupted); it runs on the connection's own thread all the same.
    var connectTimeout: Duration
    /// How long an interrupted statement may take to answer before its connection is closed.
    var cancelGrace: Duration
    /// Server settings for every session (`statement_timeout`, `search_path` ...), sent with the start-up packet.
    var settings: [String: String]

    init(
        _ connectionString: String,
        applicationName: String = "levqor",
        connectTimeout: Duration = .seconds(10),
        settings: [String: String] = [:]
    ) {
        self.connectionString = connectionString
        self.applicationName = applicationName
        self.connectTimeout = connectTimeout
        self.cancelGrace = .seconds(2)
        self.settings = settings
    }

    /// Where this leads, in words that may be logged: no password, no free-form option.
    var redactedDescription: String {
        guard let options = try? PostgresConnectionString.parse(connectionString) else {
            return "(not a valid connection string)"
        }
        // An allow list: what libpq adds later stays hidden until someone looks at it.
        let shown = ["service", "host", "hostaddr", "port", "dbname", "user", "sslmode", "target_session_attrs"]
        let parts = shown.compactMap { name in options[name].map { "\(name)=\($0)" } }
        return parts.isEmpty ? "(defaults)" : parts.joined(separator: " ")
    }

    /// The keywords and values for PQconnectStartParams.
    ///
    /// - Throws: `.invalidConfiguration`, in words that hold nothing of the connection string.
    func connectionParameters() throws -> [(keyword: String, value: String)] {
        var options = try PostgresConnectionString.parse(connectionString)
        let defaults = [
            "keepalives": "1", "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3",
            "tcp_user_timeout": "30000",
        ]
        options.merge(defaults) { given, _ in given }
        options["client_encoding"] = "UTF8"
        options["application_name"] = applicationName
        // libpq heeds it in its blocking calls only; the deadline here is our own.
        options["connect_timeout"] = nil
        let rendered = try PostgresConnectionString.startupOptions(settings)
        if !rendered.isEmpty {
            options["options"] = [options["options"], rendered].compactMap(\.self).joined(separator: " ")
        }
        for (keyword, value) in options where keyword.utf8.contains(0) || value.utf8.contains(0) {
            throw PostgresError(.invalidConfiguration, "the connection option \(keyword) holds a NUL byte")
        }
        return options.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    var description: String { redactedDescription }
    var debugDescription: String { redactedDescription }
    /// `dump` and `String(reflecting:)` of whatever holds a configuration walk its mirror: it shows the redacted text.
    var customMirror: Mirror { Mirror(self, children: ["target": redactedDescription]) }
}
