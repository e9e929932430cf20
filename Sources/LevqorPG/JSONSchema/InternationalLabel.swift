import Foundation

/// Labels in any script that a host name may hold: U-labels by RFC 5891 to 5893.
enum InternationalLabel {
    /// Whether a label with at least one non-ASCII character is valid.
    static func isValid(_ label: [Unicode.Scalar]) -> Bool {
        guard let first = label.first, let last = label.last, label.contains(where: { !$0.isASCII }) else {
            return false
        }
        guard first != "-", last != "-" else { return false }
        guard label.count < 4 || label[2] != "-" || label[3] != "-" else { return false }
        switch first.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark: return false
        default: break
        }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: label)
        let text = String(view)
        guard text.precomposedStringWithCanonicalMapping.unicodeScalars.elementsEqual(view) else { return false }
        guard label.indices.allSatisfy({ isAllowed(label, at: $0) }) else { return false }
        return obeysBidiRule(text)
    }

    private static func isAllowed(_ label: [Unicode.Scalar], at index: Int) -> Bool {
        let scalar = label[index]
        switch scalar.value {
        // RFC 5892 section 2.6, exceptions that are allowed.
        case 0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007: return true
        // The same, exceptions that are not.
        case 0x640, 0x7FA, 0x302E, 0x302F, 0x3031...0x3035, 0x303B: return false
        case 0xB7, 0x375, 0x5F3, 0x5F4, 0x30FB, 0x660...0x669, 0x6F0...0x6F9, 0x200C, 0x200D:
            return contextAllows(label, at: index)
        default: return isProtocolValid(scalar)
        }
    }

    /// The derived property PVALID of RFC 5892 section 3, for code points without an exception.
    private static func isProtocolValid(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return scalar == "-" || ("a"..."z").contains(scalar) || ("0"..."9").contains(scalar)
        }
        let properties = scalar.properties
        // Conjoining jamo, unstable under NFKC and case folding, ignorable.
        if isConjoiningJamo(scalar.value) || properties.changesWhenNFKCCaseFolded { return false }
        if properties.isDefaultIgnorableCodePoint || properties.isWhitespace { return false }
        // Combining marks for symbols and ancient musical notation (ignorable blocks).
        if (0x20D0...0x20FF).contains(scalar.value) || (0x1D100...0x1D24F).contains(scalar.value) { return false }
        switch properties.generalCategory {
        case .lowercaseLetter, .uppercaseLetter, .otherLetter, .modifierLetter, .nonspacingMark, .spacingMark,
            .decimalNumber:
            return true
        default: return false
        }
    }

    private static func isConjoiningJamo(_ value: UInt32) -> Bool {
        (0x1100...0x11FF).contains(value) || (0xA960...0xA97F).contains(value) || (0xD7B0...0xD7FF).contains(value)
    }

    /// The contextual rules of RFC 5892, appendix A.
    private static func contextAllows(_ label: [Unicode.Scalar], at index: Int) -> Bool {
        let before: Unicode.Scalar? = index > 0 ? label[index - 1] : nil
        let after: Unicode.Scalar? = index + 1 < label.count ? label[index + 1] : nil
        switch label[index].value {
        case 0xB7: return before == "l" && after == "l"
        case 0x375: return after.map { has($0, "\\p{sc=Grek}") } ?? false
        case 0x5F3, 0x5F4: return before.map { has($0, "\\p{sc=Hebr}") } ?? false
        case 0x30FB:
            return label.contains { $0.value != 0x30FB && has($0, "[\\p{sc=Hira}\\p{sc=Kana}\\p{sc=Hani}]") }
        case 0x660...0x669: return !label.contains { (0x6F0...0x6F9).contains($0.value) }
        case 0x6F0...0x6F9: return !label.contains { (0x660...0x669).contains($0.value) }
        case 0x200D: return before?.properties.canonicalCombiningClass == .virama
        default:
            return before?.properties.canonicalCombiningClass == .virama || joins(label, around: index)
        }
    }

    /// Whether a zero-width non-joiner stands between two letters that would join.
    private static func joins(_ label: [Unicode.Scalar], around index: Int) -> Bool {
        let transparent = "\\p{jt=T}"
        guard let left = label[..<index].last(where: { !has($0, transparent) }),
            let right = label[(index + 1)...].first(where: { !has($0, transparent) })
        else { return false }
        return has(left, "[\\p{jt=L}\\p{jt=D}]") && has(right, "[\\p{jt=R}\\p{jt=D}]")
    }

    /// The rule of RFC 5893 section 2 for one label; the properties of writing direction come from ICU.
    private static func obeysBidiRule(_ text: String) -> Bool {
        guard matches(text, "[\\p{bc=R}\\p{bc=AL}\\p{bc=AN}]") else { return true }
        let inner = "\\p{bc=EN}\\p{bc=ES}\\p{bc=CS}\\p{bc=ET}\\p{bc=ON}\\p{bc=BN}\\p{bc=NSM}"
        let marks = "\\p{bc=NSM}*\\z"
        if matches(text, "\\A[\\p{bc=R}\\p{bc=AL}]") {
            guard matches(text, "\\A[\\p{bc=R}\\p{bc=AL}\\p{bc=AN}\(inner)]*\\z") else { return false }
            guard matches(text, "[\\p{bc=R}\\p{bc=AL}\\p{bc=EN}\\p{bc=AN}]\(marks)") else { return false }
            return !(matches(text, "\\p{bc=EN}") && matches(text, "\\p{bc=AN}"))
        }
        return matches(text, "\\A\\p{bc=L}") && matches(text, "\\A[\\p{bc=L}\(inner)]*\\z")
            && matches(text, "[\\p{bc=L}\\p{bc=EN}]\(marks)")
    }

    private static func has(_ scalar: Unicode.Scalar, _ set: String) -> Bool {
        matches(String(Character(scalar)), set)
    }

    private static func matches(_ text: String, _ pattern: String) -> Bool {
        text.range(of: pattern, options: .regularExpression) != nil
    }
}
