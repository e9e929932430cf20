/// What a deploy tells while it goes on.
public enum DeployEvent: Sendable, Equatable {
    /// Another deploy holds the lock; told once.
    case waitingForOtherDeploy(pid: Int?)
    case installed(files: Int)
    case migrated(String)
    case replayed(String)
    /// Somebody holds a lock that this step needs; it is tried again, so that nobody queues behind it.
    case lockedOut(step: String, attempt: Int)
    /// The step failed without a place in the file; it is run again, one statement at a time, to find it.
    case locating(String)
    case pruned(String)
    case notice(String)
}

extension DeployEvent: CustomStringConvertible {
    public var description: String {
        switch self {
        case .waitingForOtherDeploy(let pid):
            "waiting for another deploy of this database" + (pid.map { " (PostgreSQL process \($0))" } ?? "")
        case .installed(let files): "installed \(files) files"
        case .migrated(let label): "migrated \(label)"
        case .replayed(let path): "replayed \(path)"
        case .lockedOut(let step, let attempt): "\(step): a lock is taken, attempt \(attempt) gave way"
        case .locating(let path): "\(path) failed; looking for the statement"
        case .pruned(let identity): "removed \(identity)"
        case .notice(let sentence): sentence
        }
    }
}
