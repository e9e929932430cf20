/// Why a text is not a regular expression that can be used.
struct ECMARegexError: Error, Equatable, Sendable {
    let message: String
}
