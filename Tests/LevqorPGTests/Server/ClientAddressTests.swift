import Testing

@testable import LevqorPG

@Suite("The client's address")
struct ClientAddressTests {
    @Test(
        "A header counts only as far as trusted proxies wrote it",
        arguments: [
            // peer, headers, expected
            ("203.0.113.9", [], "203.0.113.9"),
            ("203.0.113.9", ["1.2.3.4"], "203.0.113.9"),
            ("10.0.0.1", [], "10.0.0.1"),
            ("10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", ["6.6.6.6, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
            ("10.0.0.1", ["6.6.6.6, 1.2.3.4", "10.0.0.2,10.0.0.3"], "1.2.3.4"),
            ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
            ("10.0.0.1", ["10.0.0.9, 1.2.3.4"], "1.2.3.4"),
            // Ports, brackets, white space.
            ("10.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
            ("10.0.0.1", ["\t 1.2.3.4 \t"], "1.2.3.4"),
            ("10.0.0.1", ["[2001:db8::7]:443"], "2001:db8::7"),
            ("10.0.0.1", ["[2001:db8::7]"], "2001:db8::7"),
            ("10.0.0.1", ["2001:DB8:0:0::7"], "2001:db8::7"),
            ("10.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", ["[::ffff:10.0.0.2]:80, 1.2.3.4"], "1.2.3.4"),
            // What is no address ends the search at the hop that told it.
            ("10.0.0.1", ["unknown"], "10.0.0.1"),
            ("10.0.0.1", [""], "10.0.0.1"),
            ("10.0.0.1", ["1.2.3.4,"], "10.0.0.1"),
            ("10.0.0.1", ["1.2.3.4, _hidden"], "10.0.0.1"),
            ("10.0.0.1", ["_hidden, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", ["1.2.3.4, nonsense, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", ["1.2.3.999"], "10.0.0.1"), ("10.0.0.1", ["0x7f.1"], "10.0.0.1"),
            ("10.0.0.1", ["[::1"], "::1"),
            ("10.0.0.1", ["1.2.3.4'; drop table x; --"], "10.0.0.1"),
            ("10.0.0.1", ["fe80::1%eth0"], "10.0.0.1"),
            // The peer itself as the socket tells it.
            ("::ffff:10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
            ("2001:db8:1::5", ["1.2.3.4"], "1.2.3.4"),
            ("2001:db8:2::5", ["1.2.3.4"], "2001:db8:2::5"),
            ("", ["1.2.3.4"], "0.0.0.0"), ("nonsense", ["1.2.3.4"], "0.0.0.0"),
        ] as [(String, [String], String)])
    func finds(peer: String, forwarded: [String], expected: String) throws {
        let address = ClientAddress(trusting: try CIDR.list("10.0.0.0/8, 2001:db8:1::/48"))
        #expect(address.find(peer: IPAddress(peer), forwarded: forwarded).description == expected)
    }

    @Test("Without trusted proxies no header counts", arguments: ["127.0.0.1", "10.0.0.1", "::1"])
    func trustsNobody(peer: String) {
        #expect(ClientAddress(trusting: []).find(peer: IPAddress(peer), forwarded: ["1.2.3.4"]).description == peer)
    }
}
