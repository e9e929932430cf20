import NIOCore

/// One request, with what is known of it before anything is decided.
final class Visit: Sendable {
    let head: RequestHead
    /// The id that the log, the access record and the client know it by.
    let id: String
    /// Who called, behind trusted proxies.
    let client: IPAddress
    /// The same as text.
    let address: String
    let at: WallClock
    let start: ContinuousClock.Instant

    /// - Parameter peer: the other end of the socket.
    init(_ head: RequestHead, peer: IPAddress?, _ address: ClientAddress) {
        start = .now
        at = .now()
        self.head = head
        id = RequestIDs.choose(head.requestID)
        client = address.find(peer: peer, forwarded: head.forwarded)
        self.address = client.description
    }

    /// The method that routes are looked up by: HEAD is a GET whose body stays here.
    var method: String { head.method == "HEAD" ? "GET" : head.method }
}
