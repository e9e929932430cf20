import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Chooses the folder of the unix socket: beside the data where its path is short enough, otherwise in /tmp.
enum SocketFolder {
    /// The kernel takes 103 bytes on macOS and 107 on Linux; one rule for both.
    static let longestPath = 102

    /// Whether a socket in this folder can be named, by PostgreSQL and in a connection string.
    static func fits(_ folder: String, port: Int) -> Bool {
        // A comma parts hosts in a connection string, and nothing escapes it.
        "\(folder)/.s.PGSQL.\(port)".utf8.count <= longestPath && !folder.contains(",")
    }

    /// Makes and verifies the folder.
    /// - Parameter previous: the folder of the cluster's last run in this process; it is kept, so that open pools find it.
    static func make(for place: ClusterPlace, port: Int, previous: String?, temporary: String = "/tmp") throws -> String
    {
        if fits(place.run, port: port) {
            try PrivateFolder.make(place.run, owner: place.account)
            return place.run
        }
        if let previous {
            try PrivateFolder.make(previous, owner: place.account)
            return previous
        }
        // Where others can rename our folder away, they can put theirs in its place.
        var facts = stat()
        guard stat(temporary, &facts) == 0, facts.st_mode & S_ISVTX != 0 || facts.st_mode & 0o022 == 0 else {
            throw EmbeddedError(
                .socket,
                "the path of \(place.run) is too long for a socket, and \(temporary) is open to everyone",
                advice: "use a project folder with a shorter path, or chmod +t \(temporary)"
            )
        }
        let base = "\(temporary)/levqor-\(place.account.uid)-"
        let usual = base + ClusterPlace.hash(place.data)
        do {
            try PrivateFolder.make(usual, owner: place.account)
            return usual
        } catch let error as EmbeddedError where error.code == .foreignFolder {
            // Somebody took the name, which everyone can guess; take one that nobody can.
            return try unguessable(base, owner: place.account)
        }
    }

    /// Removes a folder of ours in /tmp after the cluster has stopped; one beside the data stays.
    static func remove(_ folder: String, of place: ClusterPlace) {
        if folder != place.run { rmdir(folder) }
    }

    private static func unguessable(_ base: String, owner: ClusterAccount) throws -> String {
        var template = Array((base + "XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw EmbeddedError.system("cannot make a folder in /tmp", errno: errno)
        }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try PrivateFolder.give(path, to: owner)
        return path
    }
}
