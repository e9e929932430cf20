import NIOCore

/// Knows which requests run on which socket, and cancels them when the client closes it.
///
/// One listener a socket, however many requests it carries: a listener for each request would stay until the socket is
/// closed.
final class ClientPresence: Sendable {
    private typealias Running = [UInt64: @Sendable () -> Void]

    private struct State {
        var sockets: [ObjectIdentifier: Running] = [:]
        var next: UInt64 = 0
    }

    private let state = Locked(State())

    /// How many sockets are known.
    var count: Int { state.withLock { $0.sockets.count } }

    /// Runs an operation in a task that is cancelled when the socket closes. It always waits for the operation's end.
    func run<R: Sendable>(on channel: any Channel, _ operation: @escaping @Sendable () async -> R) async -> R {
        let socket = ObjectIdentifier(channel)
        let task = Task { await operation() }
        let (number, isNew) = state.withLock { state in
            state.next += 1
            let isNew = state.sockets[socket] == nil
            state.sockets[socket, default: [:]][state.next] = { task.cancel() }
            return (state.next, isNew)
        }
        // Of a socket that is closed already, this is told at once.
        if isNew { channel.closeFuture.whenComplete { _ in self.forget(socket) } }
        let result = await task.value
        state.withLock { _ = $0.sockets[socket]?.removeValue(forKey: number) }
        return result
    }

    private func forget(_ socket: ObjectIdentifier) {
        let running = state.withLock { $0.sockets.removeValue(forKey: socket) } ?? [:]
        for cancel in running.values { cancel() }
    }
}
