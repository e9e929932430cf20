import Logging

/// Renders all figures in the Prometheus text format 0.0.4: those of this process, and those the database tells.
struct MetricsPage: Sendable {
    let gateway: Gateway
    let access: AccessLog
    let pools: [(name: String, pool: PostgresPool)]
    let heartbeats: Heartbeats
    let listener: HintListener
    /// Nil where this process sends nothing.
    let outbox: OutboxReactor?
    let roles: Set<ServerRole>
    let health: Health
    let logger: Logger

    func render() async -> String {
        var text = PrometheusText()
        process(&text)
        await database(&text)
        return text.text
    }

    private func process(_ text: inout PrometheusText) {
        let snapshot = gateway.metrics.snapshot
        text.family("levqor_http_requests_total", "counter", "Requests answered, by route and status.")
        for (key, count) in snapshot.requests.sorted(by: {
            ($0.key.route, $0.key.status) < ($1.key.route, $1.key.status)
        }) {
            text.sample(
                "levqor_http_requests_total", [("route", key.route), ("status", "\(key.status)")], Double(count))
        }
        text.family(
            "levqor_http_request_duration_seconds", "histogram", "Time from the request's head to its response.")
        for (route, histogram) in snapshot.durations.sorted(by: { $0.key < $1.key }) {
            text.histogram(
                "levqor_http_request_duration_seconds", [("route", route)], bounds: GatewayMetrics.bounds,
                buckets: histogram.buckets, sum: histogram.sum
            )
        }
        text.single("levqor_batches_total", "counter", "Statements sent to http.handle_many.", Double(snapshot.batches))
        text.single(
            "levqor_batched_calls_total", "counter", "Calls carried by those statements.", Double(snapshot.batchedCalls)
        )
        text.single(
            "levqor_replica_answers_total", "counter", "Calls that the replica answered.",
            Double(snapshot.replicaAnswers))
        text.single(
            "levqor_replica_returns_total", "counter",
            "Calls that were handed over to the replica, and that the primary answered after all.",
            Double(snapshot.replicaReturns))
        text.single(
            "levqor_parked_requests", "gauge", "Requests that wait without a connection.", Double(snapshot.parked))
        text.single(
            "levqor_call_outs_in_flight", "gauge", "Calls to the outside that requests wait for.",
            Double(gateway.callOuts.inFlight))
        text.family("levqor_call_outs_total", "counter", "Calls to the outside that requests waited for, by outcome.")
        for (outcome, count) in snapshot.callOuts.sorted(by: { $0.key < $1.key }) {
            text.sample("levqor_call_outs_total", [("outcome", outcome)], Double(count))
        }
        text.family("levqor_lane_pending_calls", "gauge", "Calls that wait for a connection.")
        for lane in gateway.lanes {
            text.sample("levqor_lane_pending_calls", [("lane", lane.name)], Double(lane.load.pending))
        }
        text.family("levqor_lane_connections", "gauge", "Connections that serve the lane.")
        for lane in gateway.lanes {
            text.sample("levqor_lane_connections", [("lane", lane.name)], Double(lane.load.connections))
        }
        text.family("levqor_pool_connections", "gauge", "Connections of a pool, by state.")
        for (name, pool) in pools {
            let statistics = pool.statistics
            text.sample("levqor_pool_connections", [("pool", name), ("state", "idle")], Double(statistics.idle))
            text.sample("levqor_pool_connections", [("pool", name), ("state", "open")], Double(statistics.open))
        }
        text.family("levqor_loop_seconds_since_success", "gauge", "Age of the last success of each background loop.")
        for age in heartbeats.ages {
            text.sample("levqor_loop_seconds_since_success", [("loop", age.name)], age.seconds)
        }
        text.single(
            "levqor_listener_connected", "gauge", "1 while hints of other servers are heard.",
            listener.isConnected ? 1 : 0)
        text.family("levqor_role", "gauge", "1 for each role that this process has.")
        for role in ServerRole.allCases {
            text.sample("levqor_role", [("role", role.rawValue)], roles.contains(role) ? 1 : 0)
        }
        text.single("levqor_outbound_in_flight", "gauge", "Transfers under way.", Double(outbox?.inFlight ?? 0))
        let refusals = gateway.refusals.figures
        text.single(
            "levqor_refusals_remembered", "gauge", "Callers that are refused from memory until their time comes.",
            Double(refusals.remembered))
        text.single(
            "levqor_refusals_from_memory_total", "counter", "Requests refused without the database.",
            Double(refusals.answered))
        let rows = access.figures
        text.single(
            "levqor_access_rows_written_total", "counter", "Rows of the access record that the database has.",
            Double(rows.written))
        text.single(
            "levqor_access_rows_dropped_total", "counter", "Rows of the access record that were lost.",
            Double(rows.dropped))
        text.single(
            "levqor_access_rows_waiting", "gauge", "Rows of the access record that are not written yet.",
            Double(rows.waiting))
    }

    /// The database's own figures: rows of name, help, type, labels, value. Left out, and said so, when it does not answer.
    private func database(_ text: inout PrometheusText) async {
        do {
            guard let pool = pools.first?.pool else { return }
            let rows = try await pool.withConnection(deadline: .seconds(2)) { connection in
                try await connection.queryPrepared(
                    "select name, help, type, labels, value from ops.prometheus() order by name", [],
                    deadline: .seconds(5)
                )
            }
            var family = ""
            for row in rows {
                guard let name = row.string(0), let value = row.double(4) else { continue }
                if name != family { text.family(name, row.string(2) ?? "gauge", row.string(1) ?? "") }
                family = name
                let labels = row.withBytes(3) { $0.flatMap { try? JSONParser.parse($0) } }?.object?.members ?? []
                text.sample(name, labels.map { ($0.name, $0.value.string ?? JSONText.string($0.value)) }, value)
            }
            text.single("levqor_database_up", "gauge", "1 when the database answered this scrape.", 1)
        } catch {
            logger.warning("the database gave no figures", metadata: ["error": "\(error)"])
            text.single("levqor_database_up", "gauge", "1 when the database answered this scrape.", 0)
        }
    }
}
