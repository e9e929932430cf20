/// Finds out who really called, behind proxies that the operator trusts.
struct ClientAddress: Sendable {
    private let trusted: [CIDR]

    /// - Parameter trusted: networks of the proxies whose X-Forwarded-For is believed.
    init(trusting trusted: [CIDR]) {
        self.trusted = trusted
    }

    /// The client's address: the first hop, counted from us, that is no trusted proxy.
    ///
    /// - Parameters:
    ///   - peer: the address of the socket.
    ///   - forwarded: values of the X-Forwarded-For headers, in order.
    /// - Returns: 0.0.0.0 when the socket's address is not known: it has gone.
    func find(peer: IPAddress?, forwarded: [String]) -> IPAddress {
        guard var current = peer else { return IPAddress(v4: 0) }
        guard !forwarded.isEmpty, isTrusted(current) else { return current }
        // As most proxies write it.
        if forwarded.count == 1, let only = IPAddress(forwarded[0]) { return only }
        let hops = forwarded.joined(separator: ",").split(separator: ",", omittingEmptySubsequences: false)
        for hop in hops.reversed() {
            // What is no address was not written by a proxy we trust: the hop that told it is the client.
            guard let address = IPAddress(Self.withoutPort(hop)) else { return current }
            current = address
            if !isTrusted(current) { break }
        }
        return current
    }

    private func isTrusted(_ address: IPAddress) -> Bool {
        trusted.contains { $0.contains(address) }
    }

    /// Takes white space, brackets and a port away: some proxies write `192.0.2.1:1234` or `[2001:db8::1]:1234`.
    private static func withoutPort(_ hop: Substring) -> String {
        let text = hop.drop { $0 == " " || $0 == "\t" }
        if text.first == "[" { return String(text.dropFirst().prefix { $0 != "]" }) }
        if text.filter({ $0 == ":" }).count == 1 { return String(text.prefix { $0 != ":" }) }
        return String(text.prefix { $0 != " " && $0 != "\t" })
    }
}
