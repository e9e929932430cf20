/// What one place of a regular expression accepts: one code point of a set.
struct ECMARegexSet: Sendable {
    /// One part of the union that makes a set.
    enum Item: Sendable {
        case range(UInt32, UInt32)
        case digit(negated: Bool)
        case word(negated: Bool)
        case space(negated: Bool)
        /// A Unicode property by its name, such as `Letter` or `Script=Greek`.
        case property(String, negated: Bool)
    }

    var items: [Item]
    var isNegated = false

    /// The set of one code point.
    static func scalar(_ scalar: Unicode.Scalar) -> ECMARegexSet {
        ECMARegexSet(items: [.range(scalar.value, scalar.value)])
    }

    /// What `.` accepts: all but the line terminators.
    static let dot = ECMARegexSet(
        items: [.range(0x0A, 0x0A), .range(0x0D, 0x0D), .range(0x2028, 0x2029)],
        isNegated: true
    )

    static let digits: [ClosedRange<UInt32>] = [0x30...0x39]
    static let words: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
    /// WhiteSpace and LineTerminator of ECMA-262.
    static let spaces: [ClosedRange<UInt32>] = [
        0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
        0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
    ]

    /// The sorted, disjoint ranges of the set, or nil if it names a Unicode property.
    var ranges: [ClosedRange<UInt32>]? {
        var all: [ClosedRange<UInt32>] = []
        for item in items {
            switch item {
            case .range(let low, let high): all.append(low...high)
            case .digit(let negated): all += negated ? Self.complement(Self.digits) : Self.digits
            case .word(let negated): all += negated ? Self.complement(Self.words) : Self.words
            case .space(let negated): all += negated ? Self.complement(Self.spaces) : Self.spaces
            case .property: return nil
            }
        }
        all.sort { $0.lowerBound < $1.lowerBound }
        var merged: [ClosedRange<UInt32>] = []
        for range in all {
            if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return isNegated ? Self.complement(merged) : merged
    }

    /// All code points outside of sorted, disjoint ranges.
    private static func complement(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges {
            if range.lowerBound > next { result.append(next...(range.lowerBound - 1)) }
            next = range.upperBound + 1
        }
        if next <= 0x10FFFF { result.append(next...0x10FFFF) }
        return result
    }
}
