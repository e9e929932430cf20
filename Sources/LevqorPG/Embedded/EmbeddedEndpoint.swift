import Foundation

/// Where a private cluster that runs can be reached.
public struct EmbeddedEndpoint: Sendable, Equatable {
    /// The folder of the unix socket; only the cluster's user (and root) may enter it.
    public let socketDirectory: String
    public let port: Int
    public let dataDirectory: String
    /// The version of the programs in use, as in "15.20".
    public let version: String
    /// Whether this call started it; false when it ran already and was adopted.
    public let weStartedIt: Bool

    /// The superuser's URL for the database `levqor`. It holds no secret: the kernel vouches for who connects.
    public var connectionString: String { connectionString(database: EmbeddedCluster.database) }

    /// The URL for a database and a role.
    public func connectionString(database: String, user: String? = nil) -> String {
        let role = Self.percentEncode(user ?? ClusterSettings.superuser)
        let folder = Self.percentEncode(socketDirectory)
        return "postgresql://\(role)@/\(Self.percentEncode(database))?host=\(folder)&port=\(port)"
    }

    private static func percentEncode(_ text: String) -> String {
        text.utf8.map { byte in
            let scalar = Unicode.Scalar(byte)
            let plain =
                scalar.isASCII && (scalar.properties.isAlphabetic || "0123456789-._~".unicodeScalars.contains(scalar))
            return plain ? String(Character(scalar)) : "%" + String(format: "%02X", Int(byte))
        }.joined()
    }
}
