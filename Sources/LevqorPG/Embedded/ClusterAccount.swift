import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The operating system's user that PostgreSQL runs as: never root.
struct ClusterAccount: Sendable, Equatable {
    var name: String
    var uid: uid_t
    var gid: gid_t

    /// The user of this process.
    static func current() throws -> ClusterAccount {
        guard let account = find(uid: geteuid()) else {
            throw EmbeddedError(
                .account,
                "the user id \(geteuid()) of this process has no name on this machine, and PostgreSQL needs one",
                advice: "add the user to /etc/passwd, or run as another one"
            )
        }
        return account
    }

    static func find(uid: uid_t) -> ClusterAccount? { lookUp { getpwuid_r(uid, $0, $1, $2, $3) } }

    static func find(name: String) -> ClusterAccount? { lookUp { getpwnam_r(name, $0, $1, $2, $3) } }

    /// The first of `names` that exists; when none does, the last one is created as a system user (as root only).
    static func ensure(_ names: [String], home: String) async throws -> ClusterAccount {
        if let account = names.lazy.compactMap({ find(name: $0) }).first(where: { $0.uid != 0 }) { return account }
        guard let name = names.last, let useradd = BinaryFinder.tool("useradd") else {
            throw EmbeddedError(
                .account,
                "PostgreSQL refuses to run as root, and this machine has no user for it",
                advice: "create a system user named \(names.first ?? "postgres"), then start again"
            )
        }
        let made = try await Command(
            executable: useradd,
            arguments: [
                "--system", "--user-group", "--no-create-home", "--home-dir", home, "--shell", "/bin/sh", name,
            ],
            environment: ["PATH": BinaryFinder.systemPath, "LC_ALL": "C"]
        ).run()
        guard let account = find(name: name) else {
            throw EmbeddedError(
                .account,
                "cannot create the system user \(name): \(made.text)",
                advice: "create it by hand (useradd --system \(name)), then start again"
            )
        }
        return account
    }

    /// The words to put before a program so that it runs as this user; none when we are this user already.
    func prefix() throws -> [String] {
        if geteuid() == uid { return [] }
        if let setpriv = BinaryFinder.tool("setpriv") {
            return [setpriv, "--reuid=\(uid)", "--regid=\(gid)", "--init-groups", "--"]
        }
        if let runuser = BinaryFinder.tool("runuser") { return [runuser, "-u", name, "--"] }
        throw EmbeddedError(
            .account,
            "cannot change to the user \(name): neither setpriv nor runuser is here",
            advice: "install util-linux, or start as an ordinary user"
        )
    }

    private typealias Search = (
        UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
        UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32

    private static func lookUp(_ search: Search) -> ClusterAccount? {
        var entry = passwd()
        var result: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 * 1024)
        guard search(&entry, &buffer, buffer.count, &result) == 0, result != nil, let name = entry.pw_name else {
            return nil
        }
        return ClusterAccount(name: String(cString: name), uid: entry.pw_uid, gid: entry.pw_gid)
    }
}
