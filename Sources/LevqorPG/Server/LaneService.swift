import ServiceLifecycle

/// The connections of both lanes. They end when everything that could still send a call has ended.
struct LaneService: Service {
    let workers: [GatherWorker]
    let gathers: [Gather]

    func run() async throws {
        await withTaskCancellationOrGracefulShutdownHandler {
            await withTaskGroup(of: Void.self) { group in
                for worker in workers { group.addTask { await worker.run() } }
                let expiry = Task { await expireCalls() }
                await group.waitForAll()
                expiry.cancel()
            }
        } onCancelOrGracefulShutdown: {
            for gather in gathers { gather.close() }
        }
        // Calls are left only when the workers were cancelled.
        for gather in gathers { gather.abandon() }
    }

    /// While a lane has no connection at all, its calls are answered 503 after a second.
    private func expireCalls() async {
        while !Task.isCancelled {
            for gather in gathers { gather.expire(olderThan: .seconds(1)) }
            try? await Task.sleep(for: .milliseconds(250))
        }
    }
}
