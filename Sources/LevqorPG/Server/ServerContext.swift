import Hummingbird
import Logging
import NIOCore

/// What the server knows of a request beside the request: its socket.
struct ServerContext: InitializableFromSource, Sendable {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        channel = source.channel
    }

    /// The address of the other end of the socket; empty when it has gone, which must not look like a trusted one.
    var peer: String { channel.remoteAddress?.ipAddress ?? "" }
}
