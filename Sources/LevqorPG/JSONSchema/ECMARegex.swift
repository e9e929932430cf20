import Foundation

/// A compiled regular expression of ECMA-262 in Unicode mode, found anywhere in a text unless it is anchored.
///
/// The expression is parsed here and run by ICU (through `NSRegularExpression`), except for the simple shape that
/// `LinearPattern` matches by itself. ICU backtracks: a pattern like `(a+)+$` can take exponential time. Patterns come
/// from route schemas, which the operator writes and reviews; never compile one that a caller sent.
///
/// Known differences from ECMA-262: a look-behind must have a bounded length, and a reference to a group that took
/// no part in the match fails instead of matching nothing.
struct ECMARegex: Sendable {
    let source: String
    private let linear: LinearPattern?
    private let engine: NSRegularExpression?

    /// Compiles a pattern.
    init(_ source: String) throws(ECMARegexError) {
        self.source = source
        let node = try ECMARegexParser.parse(source)
        linear = LinearPattern(node)
        guard linear == nil else {
            engine = nil
            return
        }
        do {
            // The empty pattern matches everything here and is an error there.
            let pattern = node.icuPattern
            engine = try NSRegularExpression(pattern: pattern.isEmpty ? "(?:)" : pattern)
        } catch {
            throw ECMARegexError(message: "the regular expression engine cannot compile it")
        }
    }

    /// Whether the text has a match.
    func matches(_ text: String) -> Bool {
        if let linear { return linear.matches(text) }
        guard let engine else { return false }
        return engine.firstMatch(in: text, range: NSRange(location: 0, length: text.utf16.count)) != nil
    }
}
