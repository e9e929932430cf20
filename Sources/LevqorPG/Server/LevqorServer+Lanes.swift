import Foundation

extension LevqorServer {
    /// The lanes that carry calls to the database, and the connections that serve them.
    struct Lanes {
        let gathered: Gather
        let alone: Gather
        let replica: Gather?
        let service: LaneService
    }

    func makeLanes(metrics: GatewayMetrics) -> Lanes {
        let gathered = Gather(name: "gathered", eager: max(2, ProcessInfo.processInfo.activeProcessorCount))
        let alone = Gather(name: "alone", mostCalls: 1)
        let replica = configuration.replicaURL.map { _ in
            Gather(name: "replica", mostPending: 1024, isOptional: true)
        }
        func workers(
            _ count: Int, _ gather: Gather, _ database: PostgresConfiguration, isAlone: Bool, isReplica: Bool = false
        ) -> [GatherWorker] {
            (0..<count).map { _ in
                GatherWorker(
                    gather: gather, configuration: database, logger: logger, metrics: metrics, isAlone: isAlone,
                    isReplica: isReplica
                )
            }
        }
        var all = workers(
            configuration.connections, gathered, database("gather", statementTimeout: "5s", lockTimeout: "2s"),
            isAlone: false)
        all += workers(2, alone, database("alone", statementTimeout: "5s", lockTimeout: "2s"), isAlone: true)
        if let replica, let url = configuration.replicaURL {
            var there = database("replica", at: url, statementTimeout: "2s", lockTimeout: "1s")
            // A machine that does not answer is not to hold up the end of the server.
            there.connectTimeout = .seconds(3)
            all += workers(2, replica, there, isAlone: true, isReplica: true)
        }
        return Lanes(
            gathered: gathered, alone: alone, replica: replica,
            service: LaneService(workers: all, gathers: [gathered, alone] + (replica.map { [$0] } ?? []))
        )
    }
}
