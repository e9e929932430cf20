import NIOCore

/// Tells when a client closes its side of a socket: the socket's own end comes only when something is written to it.
final class HangUpHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Never

    private let presence: ClientPresence

    init(_ presence: ClientPresence) {
        self.presence = presence
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { presence.leave(context.channel) }
        context.fireUserInboundEventTriggered(event)
    }
}
