/// Where the time of one transfer went: milliseconds from the start of the transfer to the end of each step.
///
/// A step that did not happen (TLS on plain HTTP, everything on a re-used connection) is zero.
struct OutboundTiming: Sendable, Equatable {
    /// Until the host's name was resolved.
    var nameLookup: Double = 0
    /// Until TCP was connected.
    var connect: Double = 0
    /// Until TLS was agreed.
    var tls: Double = 0
    /// Until the first byte of the answer.
    var firstByte: Double = 0
    /// Until the transfer ended.
    var total: Double = 0
}
