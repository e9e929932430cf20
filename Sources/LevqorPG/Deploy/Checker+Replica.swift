extension Checker {
    /// Whether the replica lets the server in, and is one. Never an error: without it the primary answers.
    func reading(_ url: String) async -> CheckFinding {
        do {
            let isStandby = try await ask(url, settings: ["role": "levqor_server"]) { connection in
                try await connection.query("select pg_catalog.pg_is_in_recovery()", deadline: .seconds(10))
                    .first?.bool(0)
            }
            return isStandby == true
                ? .ok("The replica is a standby, and lets the server in.")
                : .warning(
                    "LEVQOR_REPLICA_URL leads to no standby: what it holds may be old for ever.",
                    "Give the URL of a streaming standby, best with target_session_attrs=standby.")
        } catch {
            let place = PostgresConfiguration(url).redactedDescription
            return .warning(
                "The replica cannot be reached (\(place)): \(Self.words(error)).",
                "Check LEVQOR_REPLICA_URL. The primary answers meanwhile.")
        }
    }
}
