/// Reads on a replica: the guard has run on the primary, the function runs there.
///
/// Nothing depends on it: what it does not answer soon, the primary does.
extension Gateway {
    /// All that carry calls.
    var lanes: [Gather] { [gathered, alone] + (replica.map { [$0] } ?? []) }

    /// Whether a call may be handed over: only while the replica is there.
    var hasReplica: Bool { replica.map { $0.load.connections > 0 } ?? false }

    /// Asks the replica; nil: the primary has to answer.
    func askReplica(_ call: GatewayCall, _ handover: [UInt8]) async -> GatewayAnswer.Done? {
        var call = call
        call.handover = handover
        if let replica, case .success(let reply) = await replica.submit(call), case .done(let done) = reply.answer {
            metrics.noteReplica(answered: true)
            return done
        }
        metrics.noteReplica(answered: false)
        return nil
    }
}
