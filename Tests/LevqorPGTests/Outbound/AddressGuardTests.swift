import Testing

@testable import LevqorPG

@Suite("The address guard")
struct AddressGuardTests {
    @Test(
        "public addresses may be reached",
        arguments: [
            "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
            "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.88.98.255",
            "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8",
            "2000::1", "2001:200::1", "2606:4700::1111", "2a00:1450::1", "3ffe::1", "3fff:1000::1", "2001:db7::1",
            "64:ff9b::8.8.8.8", "2002:808:808::1", "::8.8.8.8",
        ]
    )
    func publicAddress(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressGuard().refusal(of: address) == nil)
    }

    @Test(
        "everything else is refused by the rule that fits",
        arguments: [
            ("0.0.0.0", AddressRule.thisNetwork), ("0.255.255.255", .thisNetwork),
            ("10.0.0.0", .privateNetwork), ("10.255.255.255", .privateNetwork),
            ("100.64.0.0", .carrierGradeNAT), ("100.127.255.255", .carrierGradeNAT),
            ("127.0.0.0", .loopback), ("127.0.0.1", .loopback), ("127.255.255.255", .loopback),
            ("169.254.0.1", .linkLocal), ("169.254.255.255", .linkLocal), ("169.254.169.253", .linkLocal),
            ("169.254.169.254", .cloudMetadata), ("169.254.170.2", .cloudMetadata), ("168.63.129.16", .cloudMetadata),
            ("100.100.100.200", .cloudMetadata), ("192.0.0.192", .cloudMetadata),
            ("172.16.0.0", .privateNetwork), ("172.31.255.255", .privateNetwork),
            ("192.0.0.0", .protocolAssignments), ("192.0.0.255", .protocolAssignments),
            ("192.0.2.1", .documentation), ("198.51.100.1", .documentation), ("203.0.113.1", .documentation),
            ("192.88.99.1", .relayAnycast), ("192.168.0.0", .privateNetwork), ("192.168.255.255", .privateNetwork),
            ("198.18.0.0", .benchmarking), ("198.19.255.255", .benchmarking),
            ("224.0.0.0", .multicast), ("239.255.255.255", .multicast),
            ("240.0.0.0", .reserved), ("255.255.255.254", .reserved), ("255.255.255.255", .broadcast),
            ("::", .unspecified), ("::1", .loopback), ("fc00::", .privateNetwork), ("fdff:ffff::1", .privateNetwork),
            ("fd00:ec2::254", .cloudMetadata), ("fe80::1", .linkLocal), ("febf::1", .linkLocal),
            ("fec0::1", .siteLocal), ("feff::1", .siteLocal), ("ff02::1", .multicast), ("100::1", .discard),
            ("2001:db8::1", .documentation), ("2001:db8:ffff::1", .documentation), ("3fff::1", .documentation),
            ("5f00::1", .segmentRouting), ("2001::1", .teredo), ("2001:0:808:808::1", .teredo),
            ("2001:2::1", .benchmarking), ("2001:10::1", .protocolAssignments), ("2001:1ff::1", .protocolAssignments),
            ("64:ff9b:1::808:808", .localNAT64), ("64:ff9b:1:ffff::1", .localNAT64), ("64:ff9b:2::1", .reserved),
            ("100:0:0:1::1", .reserved), ("1::1", .reserved), ("4000::1", .reserved), ("fe00::1", .reserved),
            ("::1:0:0:1", .reserved), ("::ffff:0:7f00:1", .reserved),
        ]
    )
    func refusedAddress(text: String, rule: AddressRule) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressGuard().refusal(of: address)?.rule == rule)
    }

    @Test(
        "an IPv4 address inside an IPv6 one is judged as itself",
        arguments: [
            ("::ffff:127.0.0.1", AddressRule.loopback), ("::ffff:a9fe:a9fe", .cloudMetadata),
            ("::ffff:0.0.0.0", .thisNetwork), ("::127.0.0.1", .loopback), ("::2", .thisNetwork),
            ("::10.1.2.3", .privateNetwork), ("64:ff9b::7f00:1", .loopback),
            ("64:ff9b::169.254.169.254", .cloudMetadata),
            ("64:ff9b::255.255.255.255", .broadcast), ("2002:7f00:1::", .loopback),
            ("2002:a9fe:a9fe::1", .cloudMetadata),
            ("2002:c0a8:101:1:2:3:4:5", .privateNetwork), ("2002:e000:1::", .multicast),
        ]
    )
    func embedded(text: String, rule: AddressRule) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressGuard().refusal(of: address)?.rule == rule)
    }

    @Test("what is neither IPv4 nor IPv6 is refused")
    func unknownFamily() {
        #expect(AddressGuard().refusal(of: nil)?.rule == .unknownFamily)
        #expect(AddressGuard().refusal(of: nil, privateAllowed: true)?.rule == .unknownFamily)
    }

    @Test(
        "private networks open on request, and nothing else does",
        arguments: [
            ("10.0.0.1", true), ("192.168.1.1", true), ("127.0.0.1", true), ("::1", true), ("fd12::1", true),
            ("169.254.1.1", true), ("100.64.0.1", true), ("::ffff:10.0.0.1", true),
            ("169.254.169.254", false), ("::ffff:169.254.169.254", false), ("fd00:ec2::254", false),
            ("168.63.129.16", false), ("0.0.0.0", false), ("::", false), ("224.0.0.1", false), ("240.0.0.1", false),
            ("64:ff9b::10.0.0.1", false), ("2002:a00:1::", false), ("::10.0.0.1", false), ("2001:db8::1", false),
        ]
    )
    func privateAllowed(text: String, open: Bool) throws {
        let address = try #require(IPAddress(text))
        #expect((AddressGuard().refusal(of: address, privateAllowed: true) == nil) == open)
    }

    @Test("the operator's ranges open exactly what is in them")
    func allowList() throws {
        let addressGuard = AddressGuard(allowing: try CIDR.list("10.1.0.0/16, fd00:1::/32\n169.254.169.254"))
        let open = ["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3", "fd00:1::9", "169.254.169.254"]
        let shut = ["10.0.255.255", "10.2.0.0", "fd00:2::9", "169.254.169.253", "64:ff9b::10.1.2.3", "2002:a01:203::"]
        for text in open {
            let address = try #require(IPAddress(text))
            #expect(addressGuard.refusal(of: address) == nil, "\(text)")
        }
        for text in shut {
            let address = try #require(IPAddress(text))
            #expect(addressGuard.refusal(of: address) != nil, "\(text)")
        }
    }

    @Test("a refusal says what was refused and why")
    func description() throws {
        let plain = try #require(AddressGuard().refusal(of: IPAddress("10.0.0.1")))
        #expect(plain.description == "10.0.0.1 is refused: private network")
        let packed = try #require(AddressGuard().refusal(of: IPAddress("64:ff9b::169.254.169.254")))
        #expect(
            packed.description == "64:ff9b::a9fe:a9fe, which holds 169.254.169.254, is refused: cloud metadata"
        )
    }
}
