/// A pattern that needs no backtracking, matched in one pass over the text.
///
/// It covers the usual shape of identifiers: anchored at the start, one set after another, each repeated so that the
/// next set could not take any of the same characters. Anything else is left to the engine.
struct LinearPattern: Sendable {
    /// A set with how often it may repeat.
    private struct Step: Sendable {
        let low: UInt64
        let high: UInt64
        let ranges: [ClosedRange<UInt32>]
        let minimum: Int
        let maximum: Int

        func accepts(_ scalar: UInt32) -> Bool {
            if scalar < 64 { return low >> UInt64(scalar) & 1 == 1 }
            if scalar < 128 { return high >> UInt64(scalar - 64) & 1 == 1 }
            return ranges.contains { $0.contains(scalar) }
        }
    }

    private let steps: [Step]
    private let isAnchoredAtEnd: Bool

    /// Fails when the expression is not of that shape.
    init?(_ node: ECMARegexNode) {
        guard case .sequence(var terms) = node, case .start? = terms.first else { return nil }
        terms.removeFirst()
        if case .end? = terms.last {
            isAnchoredAtEnd = true
            terms.removeLast()
        } else {
            isAnchoredAtEnd = false
        }
        var steps: [Step] = []
        for term in terms {
            guard let step = Self.step(term) else { return nil }
            steps.append(step)
        }
        for (index, step) in steps.enumerated() where step.minimum != step.maximum {
            // Taking as many as possible is right only if nothing that follows could have taken one of them.
            for next in steps[(index + 1)...] {
                guard !Self.overlap(step.ranges, next.ranges) else { return nil }
                if next.minimum > 0 { break }
            }
        }
        self.steps = steps
    }

    private static func step(_ term: ECMARegexNode) -> Step? {
        var inner = term
        var minimum = 1
        var maximum = 1
        if case .repetition(let repeated, let low, let high, _) = term {
            inner = repeated
            minimum = low
            maximum = high ?? .max
        }
        guard case .set(let set) = inner, let ranges = set.ranges else { return nil }
        var low: UInt64 = 0
        var high: UInt64 = 0
        for range in ranges {
            for scalar in range.clamped(to: 0...127) where range.contains(scalar) {
                if scalar < 64 { low |= 1 << UInt64(scalar) } else { high |= 1 << UInt64(scalar - 64) }
            }
        }
        return Step(low: low, high: high, ranges: ranges, minimum: minimum, maximum: maximum)
    }

    private static func overlap(_ one: [ClosedRange<UInt32>], _ other: [ClosedRange<UInt32>]) -> Bool {
        one.contains { range in other.contains { range.overlaps($0) } }
    }

    /// Whether the text has a match.
    func matches(_ text: String) -> Bool {
        var scalars = text.unicodeScalars.makeIterator()
        var next = scalars.next()
        for step in steps {
            var count = 0
            while count < step.maximum, let scalar = next, step.accepts(scalar.value) {
                count += 1
                next = scalars.next()
            }
            guard count >= step.minimum else { return false }
        }
        return !isAnchoredAtEnd || next == nil
    }
}
