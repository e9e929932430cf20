/// IP addresses: dotted quads of RFC 2673 and the IPv6 text forms of RFC 4291.
enum AddressFormat {
    static func isIPv4(_ text: [UInt8]) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy(isOctet)
    }

    private static func isOctet(_ part: ArraySlice<UInt8>) -> Bool {
        guard (1...3).contains(part.count), part.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
        guard part.count == 1 || part.first != 0x30 else { return false }
        return part.reduce(0) { $0 * 10 + Int($1 - 0x30) } <= 255
    }

    static func isIPv6(_ text: [UInt8]) -> Bool {
        let colon = UInt8(ascii: ":")
        var parts = text.split(separator: colon, omittingEmptySubsequences: false).map(Array.init)
        guard parts.count >= 3 else { return false }
        // A leading or trailing "::" gives one empty part too many.
        if parts[0].isEmpty {
            guard parts[1].isEmpty else { return false }
            parts.removeFirst()
        }
        if parts[parts.count - 1].isEmpty {
            guard parts.count >= 2, parts[parts.count - 2].isEmpty else { return false }
            parts.removeLast()
        }
        var groups = 0
        var gaps = 0
        for (index, part) in parts.enumerated() {
            if part.isEmpty {
                gaps += 1
            } else if index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard isIPv4(part) else { return false }
                groups += 2
            } else {
                guard part.count <= 4, part.allSatisfy(isHexadecimal) else { return false }
                groups += 1
            }
        }
        return gaps == 0 ? groups == 8 : gaps == 1 && groups <= 7
    }

    static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
    }
}
