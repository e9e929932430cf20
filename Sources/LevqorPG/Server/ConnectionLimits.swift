import NIOCore

/// What one connection may take, in time and bytes.
struct ConnectionLimits: Sendable {
    /// Between two requests.
    var idle = TimeAmount.seconds(75)
    /// From the first byte of a head to its last.
    var head = TimeAmount.seconds(30)
    /// From the head to the end of the body.
    var body = TimeAmount.seconds(30)
    /// For what still comes behind an answer that did not wait for it, or on a connection that is to end.
    var rest = TimeAmount.seconds(5)
    /// So many bytes of that.
    var restBytes = 1 << 20
    /// What may come of further requests while one is answered.
    var queuedBytes = 64 * 1024
    var queuedParts = 256
    var headerFields = 100
    var headerFieldBytes = 16 * 1024
    var headBytes = 64 * 1024
}
