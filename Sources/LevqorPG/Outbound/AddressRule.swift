/// What an address is, when it is not simply an address on the public internet.
enum AddressRule: String, Sendable, CaseIterable {
    case cloudMetadata = "cloud metadata"
    case loopback
    case privateNetwork = "private network"
    case carrierGradeNAT = "carrier-grade NAT"
    case linkLocal = "link-local"
    case siteLocal = "site-local"
    case thisNetwork = "this network"
    case unspecified
    case broadcast
    case multicast
    case documentation
    case benchmarking
    case protocolAssignments = "protocol assignments"
    case relayAnycast = "6to4 relay"
    case teredo = "Teredo"
    case localNAT64 = "local NAT64"
    case segmentRouting = "segment routing"
    case discard = "discard only"
    case reserved
    case unknownFamily = "neither IPv4 nor IPv6"

    /// True for the ranges in which an operator's own machines live.
    var isPrivate: Bool {
        switch self {
        case .loopback, .privateNetwork, .carrierGradeNAT, .linkLocal: true
        default: false
        }
    }

    /// The ranges and what they are, narrow ones before the wide ones that hold them (IANA special-purpose registries).
    static let ranges: [(range: CIDR, rule: AddressRule)] = [
        // Metadata services of the large clouds. Azure's stands in a public range.
        (CIDR(v4: 169, 254, 169, 254, prefix: 32), .cloudMetadata),
        (CIDR(v4: 169, 254, 170, 2, prefix: 32), .cloudMetadata),
        (CIDR(v4: 169, 254, 170, 23, prefix: 32), .cloudMetadata),
        (CIDR(v4: 168, 63, 129, 16, prefix: 32), .cloudMetadata),
        (CIDR(v4: 100, 100, 100, 200, prefix: 32), .cloudMetadata),
        (CIDR(v4: 192, 0, 0, 192, prefix: 32), .cloudMetadata),
        (CIDR(v6: 0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254, prefix: 128), .cloudMetadata),
        (CIDR(v6: 0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23, prefix: 128), .cloudMetadata),
        (CIDR(v6: 0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254, prefix: 128), .cloudMetadata),

        (CIDR(v4: 0, 0, 0, 0, prefix: 8), .thisNetwork),
        (CIDR(v4: 10, 0, 0, 0, prefix: 8), .privateNetwork),
        (CIDR(v4: 100, 64, 0, 0, prefix: 10), .carrierGradeNAT),
        (CIDR(v4: 127, 0, 0, 0, prefix: 8), .loopback),
        (CIDR(v4: 169, 254, 0, 0, prefix: 16), .linkLocal),
        (CIDR(v4: 172, 16, 0, 0, prefix: 12), .privateNetwork),
        (CIDR(v4: 192, 0, 0, 0, prefix: 24), .protocolAssignments),
        (CIDR(v4: 192, 0, 2, 0, prefix: 24), .documentation),
        (CIDR(v4: 192, 88, 99, 0, prefix: 24), .relayAnycast),
        (CIDR(v4: 192, 168, 0, 0, prefix: 16), .privateNetwork),
        (CIDR(v4: 198, 18, 0, 0, prefix: 15), .benchmarking),
        (CIDR(v4: 198, 51, 100, 0, prefix: 24), .documentation),
        (CIDR(v4: 203, 0, 113, 0, prefix: 24), .documentation),
        (CIDR(v4: 224, 0, 0, 0, prefix: 4), .multicast),
        (CIDR(v4: 255, 255, 255, 255, prefix: 32), .broadcast),
        (CIDR(v4: 240, 0, 0, 0, prefix: 4), .reserved),

        (CIDR(v6: 0, prefix: 128), .unspecified),
        (CIDR(v6: 0, 0, 0, 0, 0, 0, 0, 1, prefix: 128), .loopback),
        (CIDR(v6: 0x64, 0xff9b, 1, prefix: 48), .localNAT64),
        (CIDR(v6: 0x100, prefix: 64), .discard),
        (CIDR(v6: 0x2001, 0, prefix: 32), .teredo),
        (CIDR(v6: 0x2001, 2, 0, prefix: 48), .benchmarking),
        (CIDR(v6: 0x2001, 0xdb8, prefix: 32), .documentation),
        (CIDR(v6: 0x2001, 0, prefix: 23), .protocolAssignments),
        (CIDR(v6: 0x3fff, prefix: 20), .documentation),
        (CIDR(v6: 0x5f00, prefix: 16), .segmentRouting),
        (CIDR(v6: 0xfc00, prefix: 7), .privateNetwork),
        (CIDR(v6: 0xfe80, prefix: 10), .linkLocal),
        (CIDR(v6: 0xfec0, prefix: 10), .siteLocal),
        (CIDR(v6: 0xff00, prefix: 8), .multicast),
    ]
}
