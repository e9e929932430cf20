/// URI templates of RFC 6570.
enum URITemplateFormat {
    static func isTemplate(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        var index = 0
        while index < scalars.count {
            let scalar = scalars[index]
            if scalar == "{" {
                guard let end = scalars[index...].firstIndex(of: "}"), isExpression(scalars[(index + 1)..<end]) else {
                    return false
                }
                index = end + 1
            } else if scalar == "%" {
                guard isEncoded(scalars, at: index) else { return false }
                index += 3
            } else {
                guard isLiteral(scalar) else { return false }
                index += 1
            }
        }
        return true
    }

    private static func isLiteral(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\"", "'", "<", ">", "\\", "^", "`", "{", "|", "}": false
        default: scalar.value > 0x20 && !(0x7F...0x9F).contains(scalar.value)
        }
    }

    private static func isExpression(_ content: ArraySlice<Unicode.Scalar>) -> Bool {
        var content = content
        if let first = content.first, "+#./;?&=,!@|".unicodeScalars.contains(first) { content.removeFirst() }
        return content.split(separator: ",", omittingEmptySubsequences: false).allSatisfy(isVariable)
    }

    private static func isVariable(_ specification: ArraySlice<Unicode.Scalar>) -> Bool {
        var name = specification
        if name.last == "*" {
            name.removeLast()
        } else if let colon = name.firstIndex(of: ":") {
            let length = name[(colon + 1)...]
            guard (1...4).contains(length.count), length.first != "0",
                length.allSatisfy({ ("0"..."9").contains($0) })
            else { return false }
            name = name[..<colon]
        }
        return name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
            guard !part.isEmpty else { return false }
            let whole = Array(part)
            var index = 0
            while index < whole.count {
                switch whole[index] {
                case "a"..."z", "A"..."Z", "0"..."9", "_": index += 1
                case "%" where isEncoded(whole, at: index): index += 3
                default: return false
                }
            }
            return true
        }
    }

    private static func isEncoded(_ scalars: [Unicode.Scalar], at index: Int) -> Bool {
        index + 2 < scalars.count
            && scalars[(index + 1)...(index + 2)].allSatisfy { scalar in
                scalar.isASCII && AddressFormat.isHexadecimal(UInt8(scalar.value))
            }
    }
}
