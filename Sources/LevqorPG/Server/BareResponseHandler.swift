import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Gives the security headers to the one response that no responder makes: the 400 to what is no HTTP.
final class BareResponseHandler: ChannelOutboundHandler, RemovableChannelHandler {
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .head(var head) = unwrapOutboundIn(data), head.headerFields[.xContentTypeOptions] == nil else {
            context.write(data, promise: promise)
            return
        }
        SecurityHeaders.complete(&head.headerFields)
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }
}
