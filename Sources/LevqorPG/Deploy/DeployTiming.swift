/// How patient a deploy is. The defaults are for production.
public struct DeployTiming: Sendable {
    /// How long to wait for another deploy of the same database.
    public var otherDeploy: Duration = .seconds(900)
    /// How long a replay may wait for one lock: traffic queues behind it for that long at most.
    public var functionLock: Duration = .milliseconds(500)
    public var functionAttempts = 40
    /// How long a migration may wait for one lock, unless it sets its own lock_timeout.
    public var migrationLock: Duration = .seconds(2)
    public var migrationAttempts = 40
    /// The pause between two attempts.
    var backoff = Backoff(initial: .milliseconds(200), maximum: .seconds(3))

    public init() {}
}
