import Logging

extension PostgresConnection {
    /// Runs one borrower's work and leaves the session fit for the next.
    ///
    /// - Returns: what the work gave, and whether the session can be used again.
    func lend<R: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) async throws -> R
    ) async -> (result: Result<R, any Error>, isUsable: Bool) {
        let result: Result<R, any Error>
        do {
            result = .success(try await body(self))
        } catch {
            result = .failure(error)
        }
        switch transaction {
        case .idle: return (result, isUsable)
        case .unknown: return (result, false)
        case .open, .failed:
            logger.debug("a transaction was left open; rolling back", metadata: ["db.pid": "\(backendPID)"])
            do {
                try await query("rollback", deadline: .seconds(5), cancellable: false)
                return (result, isUsable)
            } catch {
                close()
                return (result, false)
            }
        }
    }
}
