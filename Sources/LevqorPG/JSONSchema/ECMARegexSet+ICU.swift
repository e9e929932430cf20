extension ECMARegexSet {
    /// The set in the syntax of ICU.
    var icuPattern: String {
        if items.isEmpty { return isNegated ? "[\\x{0}-\\x{10FFFF}]" : "(?!)" }
        if let ranges {
            return ranges.isEmpty ? "(?!)" : "[" + Self.icu(ranges) + "]"
        }
        let parts = items.map { item in
            switch item {
            case .range(let low, let high): Self.icu([low...high])
            case .digit(let negated): "[\(negated ? "^" : "")\(Self.icu(Self.digits))]"
            case .word(let negated): "[\(negated ? "^" : "")\(Self.icu(Self.words))]"
            case .space(let negated): "[\(negated ? "^" : "")\(Self.icu(Self.spaces))]"
            case .property(let name, let negated): "\\\(negated ? "P" : "p"){\(name)}"
            }
        }
        return (isNegated ? "[^" : "[") + parts.joined() + "]"
    }

    private static func icu(_ ranges: [ClosedRange<UInt32>]) -> String {
        ranges.map { range in
            let low = "\\x{\(String(range.lowerBound, radix: 16))}"
            return range.count == 1 ? low : low + "-\\x{\(String(range.upperBound, radix: 16))}"
        }
        .joined()
    }
}
