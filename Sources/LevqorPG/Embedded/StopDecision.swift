/// Whether a server that ends takes the cluster down with it.
///
/// The last one out stops it. A server that ends while others live leaves the cluster to them; the one that remains
/// inherits the starter's duty, for the starter is dead (each living server holds a lock, and the kernel lets go of
/// it even after kill -9). A cluster that no server started (an operator ran pg_ctl) is left as it was found.
enum StopDecision: Sendable, Equatable {
    case stop
    case leave(Reason)

    enum Reason: String, Sendable {
        case otherServers = "other servers use it"
        case notOurs = "no server started it"
        case otherClients = "other clients are connected"
        case notRunning = "it does not run"
        case unknown = "it did not say who is connected"
    }

    /// - Parameters:
    ///   - lastServer: no other living server holds the users' lock.
    ///   - running: PostgreSQL runs from the data folder.
    ///   - clients: what the cluster says of itself, or nil when it could not be asked.
    static func decide(lastServer: Bool, running: Bool, clients: ClusterClients?) -> StopDecision {
        guard lastServer else { return .leave(.otherServers) }
        guard running else { return .leave(.notRunning) }
        guard let clients else { return .leave(.unknown) }
        guard clients.starter != nil else { return .leave(.notOurs) }
        guard clients.others == 0 else { return .leave(.otherClients) }
        return .stop
    }
}
