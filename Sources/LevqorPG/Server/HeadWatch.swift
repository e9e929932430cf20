import NIOCore

/// Stands in front of the decoder and tells the connection of bytes: a head that never ends is seen only here.
final class HeadWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: Connection

    init(_ connection: Connection) {
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.willDecode(unwrapInboundIn(data).readableBytes)
        context.fireChannelRead(data)
        connection.didDecode()
    }
}
