/// What a database has recorded about its deploys.
struct DeployedState: Sendable, Equatable {
    /// A migration that the database holds. No checksum: recorded by psql.
    struct Migration: Sendable, Equatable {
        var name: String
        var checksum: String?
    }

    /// A function file as it was replayed last.
    struct File: Sendable, Equatable {
        var checksum: String
        /// What it made.
        var objects: [String]
        /// What earlier versions made and it did not.
        var leftObjects: [String]
    }

    /// The row of the last deploy; none in a database that psql installed.
    struct Deployment: Sendable, Equatable {
        var version: String
        var breakingLevel: Int
        var digests: [String]
        var schemaDigest: String?
    }

    /// Whether the schema core is there at all.
    var isPresent: Bool
    var migrations: [Int: Migration] = [:]
    var files: [String: File] = [:]
    var deployment: Deployment?
    /// The functions, views and triggers that exist, by identity.
    var existing: Set<String> = []

    static let absent = DeployedState(isPresent: false)
}
