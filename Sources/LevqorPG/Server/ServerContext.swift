import Hummingbird
import Logging
import NIOCore

/// What the server knows of a request beside the request: its socket.
struct ServerContext: InitializableFromSource, Sendable {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        channel = source.channel
    }

    /// The address of the other end of the socket.
    var peer: String { channel.remoteAddress?.ipAddress ?? "127.0.0.1" }
}
