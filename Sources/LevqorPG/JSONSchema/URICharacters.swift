/// Which characters may stand in which component of a URI (RFC 3986) or IRI (RFC 3987).
struct URICharacters: Sendable {
    let international: Bool

    static func isScheme(_ scalars: Substring.UnicodeScalarView) -> Bool {
        guard let first = scalars.first, isLetter(first) else { return false }
        return scalars.allSatisfy { isLetter($0) || isDigit($0) || $0 == "+" || $0 == "-" || $0 == "." }
    }

    private static let plainText =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;="
    /// Unreserved characters and sub-delimiters, as in a host name.
    static let plain = ASCIISet(plainText)
    static let userInformation = ASCIISet(plainText + ":")
    static let path = ASCIISet(plainText + ":@/")
    static let query = ASCIISet(plainText + ":@/?")

    /// Whether all characters are of the set, percent-encoded, or international ones where those are allowed.
    func allows(_ scalars: Substring.UnicodeScalarView, _ set: ASCIISet, isQuery: Bool = false) -> Bool {
        let isSimple = Substring(scalars).utf8.withContiguousStorageIfAvailable { $0.allSatisfy(set.contains) }
        if isSimple == true { return true }
        var index = scalars.startIndex
        while index < scalars.endIndex {
            let scalar = scalars[index]
            scalars.formIndex(after: &index)
            if scalar == "%" {
                for _ in 0..<2 {
                    guard index < scalars.endIndex, Self.isHexadecimal(scalars[index]) else { return false }
                    scalars.formIndex(after: &index)
                }
            } else if scalar.isASCII {
                guard set.contains(UInt8(scalar.value)) else { return false }
            } else {
                guard international else { return false }
                guard Self.isInternational(scalar.value) || (isQuery && Self.isPrivate(scalar.value)) else {
                    return false
                }
            }
        }
        return true
    }

    /// Whether the text is `[userinfo@]host[:port]`.
    func isAuthority(_ scalars: Substring.UnicodeScalarView) -> Bool {
        var host = scalars
        if let at = host.firstIndex(of: "@") {
            guard allows(host[..<at], Self.userInformation) else { return false }
            host = host[host.index(after: at)...]
        }
        if host.first == "[" {
            guard let end = host.firstIndex(of: "]") else { return false }
            let literal = host[host.index(after: host.startIndex)..<end]
            guard isIPLiteral(literal) else { return false }
            let rest = host[host.index(after: end)...]
            return rest.isEmpty || (rest.first == ":" && rest.dropFirst().allSatisfy(Self.isDigit))
        }
        if let colon = host.firstIndex(of: ":") {
            guard host[host.index(after: colon)...].allSatisfy(Self.isDigit) else { return false }
            host = host[..<colon]
        }
        return allows(host, Self.plain)
    }

    private func isIPLiteral(_ literal: Substring.UnicodeScalarView) -> Bool {
        guard let first = literal.first else { return false }
        guard first == "v" || first == "V" else { return AddressFormat.isIPv6(Array(Substring(literal).utf8)) }
        let parts = literal.dropFirst().split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[0].isEmpty && parts[0].allSatisfy(Self.isHexadecimal)
            && !parts[1].isEmpty && parts[1].allSatisfy { $0.isASCII && Self.userInformation.contains(UInt8($0.value)) }
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
        ("0"..."9").contains(scalar)
    }

    private static func isHexadecimal(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && AddressFormat.isHexadecimal(UInt8(scalar.value))
    }

    /// `ucschar` of RFC 3987.
    private static func isInternational(_ value: UInt32) -> Bool {
        switch value {
        case 0xA0...0xD7FF, 0xF900...0xFDCF, 0xFDF0...0xFFEF: true
        case 0x10000...0xEFFFF: value & 0xFFFF < 0xFFFE && !(0xE0000...0xE0FFF).contains(value)
        default: false
        }
    }

    /// `iprivate` of RFC 3987, allowed in a query.
    private static func isPrivate(_ value: UInt32) -> Bool {
        (0xE000...0xF8FF).contains(value) || (value >= 0xF0000 && value & 0xFFFF < 0xFFFE)
    }
}
