/// What a deploy did.
public struct DeployReport: Sendable, Equatable {
    public internal(set) var isFresh = false
    public internal(set) var migrations: [String] = []
    public internal(set) var replayed: [String] = []
    public internal(set) var pruned: [String] = []
    /// What left the files and is still there: `--prune` removes it.
    public internal(set) var orphans: [String] = []

    /// Whether the database is another than before.
    public var changedSomething: Bool {
        isFresh || !migrations.isEmpty || !replayed.isEmpty || !pruned.isEmpty
    }
}

extension DeployReport: CustomStringConvertible {
    public var description: String {
        guard changedSomething else { return "Nothing to do: the database is as the files are." }
        if isFresh { return "Installed everything (\(replayed.count) function files)." }
        return
            "\(migrations.count) migrations, \(replayed.count) function files replayed, \(pruned.count) objects removed."
    }
}
