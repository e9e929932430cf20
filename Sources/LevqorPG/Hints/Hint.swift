/// Word that there may be work on a topic: never data, and it may get lost. Polling is the truth.
struct Hint: Sendable, Hashable {
    /// Parts divided by slashes, such as `orders/ACCOUNT/KIND`.
    let topic: String
    let count: Int

    init(topic: String, count: Int) {
        self.topic = topic
        self.count = count
    }

    /// Reads `TOPIC tab COUNT`, as SQL writes it.
    init?(_ text: Substring) {
        let parts = text.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
        guard let topic = parts.first, !topic.isEmpty else { return nil }
        self.topic = String(topic)
        self.count = parts.count > 1 ? max(1, Int(parts[1]) ?? 1) : 1
    }

    /// Every pattern that hears of a topic: each part after the first as it is, or as `*`.
    static func patterns(of topic: String) -> [String] {
        let parts = topic.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 4, let first = parts.first else { return [topic] }
        var patterns = [first]
        for part in parts.dropFirst() {
            patterns = patterns.flatMap { [$0 + "/" + part, $0 + "/*"] }
        }
        return patterns
    }
}
