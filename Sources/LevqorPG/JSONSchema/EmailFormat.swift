/// Mailboxes of RFC 5321 section 4.1.2, with the additions of RFC 6531 where international ones are allowed.
enum EmailFormat {
    static func isAddress(_ text: String, international: Bool) -> Bool {
        let scalars = Array(text.unicodeScalars)
        guard let at = scalars.lastIndex(of: "@"), at > 0, at + 1 < scalars.count else { return false }
        guard international || scalars.allSatisfy(\.isASCII) else { return false }
        let local = scalars[..<at]
        guard local.reduce(0, { $0 + UTF8.width($1) }) <= 64 else { return false }
        guard isLocalPart(local) else { return false }
        var domain = String.UnicodeScalarView()
        domain.append(contentsOf: scalars[(at + 1)...])
        let name = String(domain)
        if name.utf8.first == UInt8(ascii: "["), name.utf8.last == UInt8(ascii: "]") {
            return isAddressLiteral(name.dropFirst().dropLast())
        }
        return international ? HostnameFormat.isInternationalHostname(name) : HostnameFormat.isHostname(name)
    }

    private static func isLocalPart(_ local: ArraySlice<Unicode.Scalar>) -> Bool {
        if local.count >= 2, local.first == "\"", local.last == "\"" {
            return isQuoted(local.dropFirst().dropLast())
        }
        return local.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty && atom.allSatisfy(isAtomCharacter)
        }
    }

    private static func isQuoted(_ content: ArraySlice<Unicode.Scalar>) -> Bool {
        var isEscaped = false
        for scalar in content {
            guard scalar.value >= 0x20, scalar.value != 0x7F else { return false }
            if isEscaped {
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == "\"" {
                return false
            }
        }
        return !isEscaped
    }

    private static func isAtomCharacter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9": true
        case "!", "#", "$", "%", "&", "'", "*", "+", "-", "/", "=", "?", "^", "_", "`", "{", "|", "}", "~": true
        default: scalar.value >= 0xA0
        }
    }

    private static func isAddressLiteral(_ text: Substring) -> Bool {
        if text.lowercased().hasPrefix("ipv6:") { return AddressFormat.isIPv6(Array(text.utf8.dropFirst(5))) }
        return AddressFormat.isIPv4(Array(text.utf8))
    }
}
