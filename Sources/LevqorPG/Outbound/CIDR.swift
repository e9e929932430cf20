/// A range of addresses: those that share a prefix.
struct CIDR: Sendable, Hashable, CustomStringConvertible {
    /// Why a text is no range. The text comes from the operator and is no secret.
    struct ParseError: Error, Equatable, CustomStringConvertible {
        var text: String
        var reason: String
        var description: String { "'\(text)' is no address range: \(reason)" }
    }

    let first: IPAddress
    let prefix: Int

    /// An IPv4 range out of its four parts.
    init(v4 a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, prefix: Int) {
        first = IPAddress(v4: UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d))
        self.prefix = min(max(prefix, 0), 32)
    }

    /// An IPv6 range out of its leading groups; what is missing is zero.
    init(v6 groups: UInt16..., prefix: Int) {
        var words: [UInt64] = [0, 0]
        for (index, group) in groups.prefix(8).enumerated() {
            words[index / 4] |= UInt64(group) << UInt64(48 - 16 * (index % 4))
        }
        first = IPAddress(v6high: words[0], low: words[1])
        self.prefix = min(max(prefix, 0), 128)
    }

    /// Reads `10.0.0.0/8`, `fc00::/7` or one address.
    ///
    /// Bits behind the prefix must be zero: `10.1.0.0/8` is a slip of the pen that would open more than it says.
    init(_ text: String) throws {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let head = parts.first, let address = IPAddress(String(head)) else {
            throw ParseError(text: text, reason: "the address cannot be read")
        }
        if address.family == .v4 && head.contains(":") {
            throw ParseError(text: text, reason: "an IPv4 range is written as IPv4")
        }
        let width = address.family == .v4 ? 32 : 128
        var prefix = width
        if parts.count == 2 {
            let digits = parts[1]
            guard (1...3).contains(digits.utf8.count),
                digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                digits == "0" || !digits.hasPrefix("0"),
                let number = Int(digits), number <= width
            else {
                throw ParseError(text: text, reason: "the prefix length is no number from 0 to \(width)")
            }
            prefix = number
        }
        first = address
        self.prefix = prefix
        let mask = Self.mask(family: address.family, prefix: prefix)
        guard address.high & ~mask.high == 0, address.low & ~mask.low & mask.width == 0 else {
            throw ParseError(text: text, reason: "bits are set behind the prefix")
        }
    }

    /// Reads a list separated by commas or white space, as it stands in an environment variable.
    static func list(_ text: String) throws -> [CIDR] {
        try text.split { $0 == "," || $0.isWhitespace }.map { try CIDR(String($0)) }
    }

    func contains(_ address: IPAddress) -> Bool {
        guard address.family == first.family else { return false }
        let mask = Self.mask(family: first.family, prefix: prefix)
        return (address.high ^ first.high) & mask.high == 0 && (address.low ^ first.low) & mask.low == 0
    }

    var description: String { "\(first)/\(prefix)" }

    /// The bits that count in each half, and the bits that exist in the lower one.
    private static func mask(family: IPAddress.Family, prefix: Int) -> (high: UInt64, low: UInt64, width: UInt64) {
        switch family {
        // A shift by the full width gives zero in Swift, so /0 and /64 need no case of their own.
        case .v4:
            (0, (UInt64.max << UInt64(32 - prefix)) & 0xffff_ffff, 0xffff_ffff)
        case .v6:
            (UInt64.max << UInt64(64 - min(prefix, 64)), UInt64.max << UInt64(64 - max(prefix - 64, 0)), UInt64.max)
        }
    }
}
