/// What a `create index concurrently` statement names.
struct ConcurrentIndex: Equatable {
    let isRepeatable: Bool
    let name: String?
    let table: String?

    /// Nil for any other statement.
    init?(_ statement: SQLStatement) {
        var words = statement.words(12)
        guard words.first == "create" else { return nil }
        words.removeFirst()
        if words.first == "unique" { words.removeFirst() }
        guard words.starts(with: ["index", "concurrently"]) else { return nil }
        words.removeFirst(2)
        isRepeatable = words.starts(with: ["if", "not", "exists"])
        if isRepeatable { words.removeFirst(3) }
        name = words.first.map { $0.filter { $0 != "\"" } }
        guard words.count > 2, words[1] == "on" else {
            table = nil
            return
        }
        let target = words[2] == "only" && words.count > 3 ? words[3] : words[2]
        table = String(target.prefix { $0 != "(" })
    }
}
