/// A part of the work that a process takes on. Any number of processes may share each.
public enum ServerRole: String, Sendable, CaseIterable {
    /// Answers the public address.
    case http
    /// Sends the outbox and runs the clock.
    case reactor

    /// Reads `http,reactor`.
    ///
    /// - Throws: `InvalidSetting` of LEVQOR_ROLES.
    static func read(_ text: String?) throws -> Set<ServerRole> {
        guard let text else { return Set(allCases) }
        let names = text.split { $0 == "," || $0 == " " }.map(String.init)
        let roles = names.compactMap(ServerRole.init)
        guard !roles.isEmpty, roles.count == names.count else {
            throw ServerConfiguration.InvalidSetting(
                name: "LEVQOR_ROLES", reason: "must be http, reactor or http,reactor")
        }
        return Set(roles)
    }
}
