/// The statements that one session has prepared, found by their whole text.
///
/// Names are numbers that are never used twice in a session, so two texts cannot meet under one name, as hashes could.
struct PostgresStatementCache {
    private static let limit = 256

    private var names: [String: String] = [:]
    private var last = 0

    /// A session's plans cost the server memory: a caller that writes values into its SQL is stopped here.
    var isFull: Bool { names.count >= Self.limit }

    func name(of sql: String) -> String? { names[sql] }

    mutating func newName() -> String {
        last += 1
        return "levqor_\(last)"
    }

    mutating func insert(_ sql: String, _ name: String) { names[sql] = name }

    mutating func remove(_ sql: String) -> String? { names.removeValue(forKey: sql) }

    mutating func removeAll() { names.removeAll() }

    /// Whether the server refused a plan that it no longer has, or whose columns have changed, before running it.
    static func isStale(_ error: PostgresError) -> Bool {
        switch error.sqlstate {
        case "26000": true
        case "0A000": error.serverFunction == "RevalidateCachedQuery"
        default: false
        }
    }
}
