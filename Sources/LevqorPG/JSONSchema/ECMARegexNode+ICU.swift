extension ECMARegexNode {
    /// The same expression in the syntax of ICU, with every construct spelled out whose meaning differs there.
    ///
    /// ICU's `$` also matches before a final line break, its `\d`, `\w`, `\s`, `\b` are wider, and its sets have
    /// operators; so each of them is written as an explicit set or look-around, and each literal as `\x{...}`.
    var icuPattern: String {
        switch self {
        case .set(let set): return set.icuPattern
        case .start: return "\\A"
        case .end: return "\\z"
        case .wordBoundary(let negated):
            let word = "[0-9A-Za-z_]"
            return negated
                ? "(?:(?<=\(word))(?=\(word))|(?<!\(word))(?!\(word)))"
                : "(?:(?<=\(word))(?!\(word))|(?<!\(word))(?=\(word)))"
        case .group(let inner, let isCapturing):
            return (isCapturing ? "(" : "(?:") + inner.icuPattern + ")"
        case .look(let inner, let isAhead, let negated):
            return (isAhead ? "(?" : "(?<") + (negated ? "!" : "=") + inner.icuPattern + ")"
        case .backreference(let number): return "(?:\\\(number))"
        case .sequence(let terms): return terms.map(\.icuPattern).joined()
        case .alternation(let choices): return choices.map(\.icuPattern).joined(separator: "|")
        case .repetition(let inner, let minimum, let maximum, let isLazy):
            let bounds = maximum.map { "{\(minimum),\($0)}" } ?? "{\(minimum),}"
            return inner.icuPattern + bounds + (isLazy ? "?" : "")
        }
    }
}
