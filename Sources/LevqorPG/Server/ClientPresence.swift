import NIOCore

/// Knows which requests run on which socket, and cancels them when the client leaves.
///
/// One listener a socket, however many requests it carries: a listener for each request would stay until the socket is
/// closed.
final class ClientPresence: Sendable {
    private struct Socket {
        var running: [UInt64: @Sendable () -> Void] = [:]
        var isLeft = false
    }

    private struct State {
        var sockets: [ObjectIdentifier: Socket] = [:]
        var next: UInt64 = 0
    }

    private let state = Locked(State())

    /// How many sockets are known.
    var count: Int { state.withLock { $0.sockets.count } }

    /// Runs an operation in a task that is cancelled when the client leaves. It always waits for the operation's end.
    func run<R: Sendable>(on channel: any Channel, _ operation: @escaping @Sendable () async -> R) async -> R {
        let id = ObjectIdentifier(channel)
        let task = Task { await operation() }
        let (number, isNew, isLeft) = state.withLock { state in
            state.next += 1
            let isNew = state.sockets[id] == nil
            state.sockets[id, default: Socket()].running[state.next] = { task.cancel() }
            return (state.next, isNew, state.sockets[id]?.isLeft == true)
        }
        if isLeft { task.cancel() }
        if isNew { forgetWhenClosed(channel) }
        let result = await task.value
        state.withLock { _ = $0.sockets[id]?.running.removeValue(forKey: number) }
        return result
    }

    /// The client will send nothing more. The socket itself stays open until it is written to, for clients that only
    /// closed their side of it.
    func leave(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let (running, isNew) = state.withLock { state in
            let isNew = state.sockets[id] == nil
            state.sockets[id, default: Socket()].isLeft = true
            return (state.sockets[id]?.running ?? [:], isNew)
        }
        for cancel in running.values { cancel() }
        if isNew { forgetWhenClosed(channel) }
    }

    /// Of a socket that is closed already, this is told at once.
    private func forgetWhenClosed(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        channel.closeFuture.whenComplete { _ in
            let socket = self.state.withLock { $0.sockets.removeValue(forKey: id) }
            for cancel in (socket?.running ?? [:]).values { cancel() }
        }
    }
}
