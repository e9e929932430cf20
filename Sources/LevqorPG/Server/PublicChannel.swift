import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// The connections of the public address, as the HTTP server takes them in.
struct PublicChannel: ServerChildChannel {
    /// A connection that was taken in. It runs by itself; the server waits for its end.
    struct Value: ServerChildChannelValue {
        let channel: any Channel
    }

    let responder: GatewayResponder
    let limits: ConnectionLimits

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            let connection = Connection(responder, limits, on: channel.eventLoop)
            var bounds = NIOHTTPDecoderLimitConfiguration()
            bounds.maxHeaderFieldSize = limits.headerFieldBytes
            bounds.maxHeaderListSize = limits.headBytes
            bounds.maxHeaderFieldCount = limits.headerFields
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(HeadWatch(connection))
            // What the decoder does not take, because it has stopped, is bounded too.
            let decoder = HTTPRequestDecoder(limitConfiguration: bounds)
            try pipeline.addHandler(ByteToMessageHandler(decoder, maximumBufferSize: 2 * limits.headBytes))
            try pipeline.addHandler(connection)
            return Value(channel: channel)
        }
    }

    func handle(value: Value, logger: Logger) async {
        await withTaskCancellationHandler {
            try? await value.channel.closeFuture.get()
        } onCancel: {
            value.channel.close(promise: nil)
        }
    }
}
