/// UUIDs of RFC 4122 and JSON pointers of RFC 6901.
enum IdentifierFormat {
    static func isUUID(_ text: String) -> Bool {
        guard text.utf8.count == 36 else { return false }
        for (index, byte) in text.utf8.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return false }
            } else {
                guard AddressFormat.isHexadecimal(byte) else { return false }
            }
        }
        return true
    }

    static func isJSONPointer(_ scalars: some Collection<Unicode.Scalar>) -> Bool {
        guard let first = scalars.first else { return true }
        guard first == "/" else { return false }
        var afterTilde = false
        for scalar in scalars {
            if afterTilde, scalar != "0", scalar != "1" { return false }
            afterTilde = scalar == "~"
        }
        return !afterTilde
    }

    static func isRelativeJSONPointer(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        let digits = scalars.prefix { ("0"..."9").contains($0) }.count
        guard digits > 0, digits == 1 || scalars[0] != "0" else { return false }
        let rest = scalars[digits...]
        return rest.count == 1 && rest.first == "#" || isJSONPointer(rest)
    }
}
