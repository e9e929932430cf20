extension EmbeddedCluster {
    /// Makes a further database in the cluster, as a copy of `template`, and returns the superuser's URL for it.
    ///
    /// Nobody may be connected to the template meanwhile; several copies may be made of it at once.
    @discardableResult
    public func createDatabase(name: String, template: String = "template1") async throws -> String {
        let running = try current()
        _ = try await running.tools.query(
            "create database \(SQLText.identifier(name)) template \(SQLText.identifier(template))",
            at: running.endpoint
        )
        return running.endpoint.connectionString(database: name)
    }

    /// Removes a database and throws out who is still connected to it; one that does not exist is no error.
    public func dropDatabase(name: String) async throws {
        let running = try current()
        let statement = "drop database if exists \(SQLText.identifier(name)) with (force)"
        _ = try await running.tools.query(statement, at: running.endpoint)
    }

    private func current() throws -> Running {
        guard case .running(let running) = state else {
            throw EmbeddedError(.vanished, "the private cluster is not started", advice: "call start() first")
        }
        return running
    }
}
