import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Closes the socket after a 408: what the client still sends would be read and thrown away for as long as it likes.
final class TimeoutHandler: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var closes = false

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var promise = promise
        switch unwrapOutboundIn(data) {
        case .head(let head): closes = head.status == .requestTimeout
        case .end where closes:
            let written = promise ?? context.eventLoop.makePromise()
            written.futureResult.assumeIsolated().whenComplete { [channel = context.channel] _ in
                channel.close(promise: nil)
            }
            promise = written
        default: break
        }
        context.write(data, promise: promise)
    }
}
