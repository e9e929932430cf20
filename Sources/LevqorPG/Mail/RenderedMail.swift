/// A mail's texts, with its data in them.
struct RenderedMail: Sendable, Equatable {
    /// A longer subject is cut.
    static let longestSubject = 400

    /// One line.
    var subject: String
    var text: String
    /// nil: a mail of text alone.
    var html: String?
}
