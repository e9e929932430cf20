import Testing

@testable import LevqorPG

@Suite("Address ranges")
struct CIDRTests {
    @Test(
        "good ranges are read and written back",
        arguments: [
            ("10.0.0.0/8", "10.0.0.0/8"), ("0.0.0.0/0", "0.0.0.0/0"), ("192.0.2.7", "192.0.2.7/32"),
            ("192.0.2.7/32", "192.0.2.7/32"), ("::/0", "::/0"), ("fc00::/7", "fc00::/7"),
            ("2001:DB8::1", "2001:db8::1/128"),
            ("2001:db8:0:1::/64", "2001:db8:0:1::/64"), ("2001:db8:0:0:8000::/65", "2001:db8:0:0:8000::/65"),
        ]
    )
    func good(text: String, written: String) throws {
        #expect(try CIDR(text) == CIDR(written))
        #expect(try CIDR(CIDR(text).description) == CIDR(text))
        #expect(try CIDR(text).contains(CIDR(text).first))
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8 ",
            " 10.0.0.0/8", "10.0.0.0/8/8", "10.0.0.0/a", "10.0.0.0/999999999999", "10/8", "10.1/16", "010.0.0.0/8",
            "0x0a.0.0.0/8", "10.0.0.1/8", "10.0.0.0\u{0}/8", "::/129", "fc00::1/7", "fe80::1%eth0", "[::1]/128",
            "::ffff:10.0.0.0/104", "localhost", "10.0.0.0/٨", "2001:db8::/65/", "2001:db8::1/64",
        ]
    )
    func bad(text: String) {
        #expect(throws: CIDR.ParseError.self) { try CIDR(text) }
    }

    @Test("a list is separated by commas or white space, and one bad entry fails it")
    func list() throws {
        #expect(try CIDR.list("").isEmpty)
        #expect(try CIDR.list(" 10.0.0.0/8,\n\tfc00::/7 , 192.0.2.1").count == 3)
        #expect(throws: CIDR.ParseError.self) { try CIDR.list("10.0.0.0/8,nonsense") }
    }

    @Test(
        "membership ends exactly at the range's ends",
        arguments: [
            ("10.0.0.0/8", "9.255.255.255", false), ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "255.255.255.255", true), ("0.0.0.0/0", "::1", false),
            ("::/0", "10.0.0.1", false), ("::/0", "ffff::", true), ("192.0.2.7", "192.0.2.6", false),
            ("2001:db8:0:1::/64", "2001:db8:0:1:ffff:ffff:ffff:ffff", true),
            ("2001:db8:0:1::/64", "2001:db8:0:2::", false),
            ("2001:db8::/65", "2001:db8::7fff:ffff:ffff:ffff", true), ("2001:db8::/65", "2001:db8::8000:0:0:0", false),
            ("fc00::/7", "fdff::", true), ("fc00::/7", "fe00::", false), ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ]
    )
    func membership(range: String, text: String, inside: Bool) throws {
        let address = try #require(IPAddress(text))
        #expect(try CIDR(range).contains(address) == inside)
    }

    @Test(
        "addresses are read in their strict forms only",
        arguments: ["127.1", "0x7f.1", "2130706433", "1.2.3.4.", "", "::g"])
    func strictAddress(text: String) {
        #expect(IPAddress(text) == nil)
    }
}
