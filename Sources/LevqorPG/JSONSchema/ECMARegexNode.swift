/// The syntax tree of an ECMA-262 regular expression in Unicode mode.
indirect enum ECMARegexNode: Sendable {
    case set(ECMARegexSet)
    case start
    case end
    case wordBoundary(negated: Bool)
    /// A group; capturing ones are numbered from 1 by their order in the expression.
    case group(ECMARegexNode, isCapturing: Bool)
    case look(ECMARegexNode, isAhead: Bool, negated: Bool)
    case backreference(Int)
    case sequence([ECMARegexNode])
    case alternation([ECMARegexNode])
    case repetition(ECMARegexNode, minimum: Int, maximum: Int?, isLazy: Bool)
}
