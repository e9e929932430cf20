@testable import LevqorPG

/// Collects what a deploy tells, and lets a test act at a certain event, before the deploy goes on.
actor EventLog {
    private(set) var events: [DeployEvent] = []
    private var action: (@Sendable (DeployEvent) async throws -> Bool)?
    private(set) var failure: (any Error)?

    /// - Parameter action: called for each event until it returns true.
    init(_ action: (@Sendable (DeployEvent) async throws -> Bool)? = nil) {
        self.action = action
    }

    func hear(_ event: DeployEvent) async {
        events.append(event)
        guard let action else { return }
        do {
            if try await action(event) { self.action = nil }
        } catch {
            failure = failure ?? error
            self.action = nil
        }
    }

    nonisolated var handler: DeployEventHandler {
        { event in await self.hear(event) }
    }
}
