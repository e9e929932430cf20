import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The folders of one private cluster, and the user that owns them.
///
/// An ordinary user's cluster lives in the project, `.levqor/pg`. PostgreSQL refuses to run as root, and the user it
/// then runs as often cannot enter the project (a home of mode 0700, a `mktemp -d`), so root's cluster lives under
/// `/var/lib/levqor/<hash>`, with `.levqor/pg` a link to it. Locks stand beside the data that they protect.
struct ClusterPlace: Sendable, Equatable {
    static let systemRoot = "/var/lib/levqor"
    /// Who runs PostgreSQL for root: the distribution's user, or one that is created.
    static let accountNames = ["postgres", "levqor"]

    /// `.levqor` of the project, every link resolved.
    let directory: String
    /// The folder that holds the data folder, the log and the locks.
    let home: String
    let data: String
    let account: ClusterAccount

    var log: String { home + "/log" }
    var run: String { home + "/run" }
    var startLock: String { home + "/start.lock" }
    var usersLock: String { home + "/users.lock" }
    /// Begins the name of each data folder that initdb is still making.
    var makingPrefix: String { "pg.making." }

    /// Finds or makes the folders for `.levqor` of a project.
    static func resolve(directory: String, systemRoot: String = systemRoot) async throws -> ClusterPlace {
        let root = geteuid() == 0
        try makeDirectories(directory, mode: root ? 0o755 : 0o700)
        guard let directory = FileFacts.realPath(directory) else {
            throw EmbeddedError.system("cannot use the folder \(directory)", errno: errno)
        }
        guard !directory.contains(where: \.isNewline) else {
            throw EmbeddedError(
                .configuration, "the path of \(directory) holds a line break", advice: "rename the folder")
        }
        let entry = directory + "/pg"
        switch try FileFacts.of(entry) {
        case let facts? where facts.kind == .link && root:
            return try await RootPlace(systemRoot: systemRoot, directory: directory).follow(entry)
        case nil where root:
            return try await RootPlace(systemRoot: systemRoot, directory: directory).make(entry)
        case let facts? where facts.kind == .link:
            // A user may put the data on another disk; what root made for itself stays out of reach.
            guard let data = FileFacts.realPath(entry), let owner = try FileFacts.of(data)?.owner, owner == geteuid()
            else {
                throw EmbeddedError(
                    .permission,
                    "\(entry) leads to a cluster that root made, or to nothing",
                    advice: "start as root, or remove the link \(ShellWord.quote(entry)) to begin with an empty cluster"
                )
            }
            return ClusterPlace(directory: directory, home: directory, data: data, account: try .current())
        case let facts? where facts.kind == .folder:
            let account = try ownerOfData(entry, uid: facts.owner)
            return ClusterPlace(directory: directory, home: directory, data: entry, account: account)
        case nil:
            guard access(directory, W_OK) == 0 else {
                throw EmbeddedError.system("cannot write in \(directory)", errno: errno)
            }
            return ClusterPlace(directory: directory, home: directory, data: entry, account: try .current())
        default:
            throw EmbeddedError.foreign(entry)
        }
    }

    /// A name for the project's folder that is short and always the same (64-bit FNV-1a; a clash is noticed).
    static func hash(_ path: String, attempt: Int = 0) -> String {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in (attempt == 0 ? path : "\(path)#\(attempt)").utf8 {
            value = (value ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The cluster runs as the owner of its data: as root too, in the project of an ordinary user.
    private static func ownerOfData(_ path: String, uid: uid_t) throws -> ClusterAccount {
        if uid != 0, uid == geteuid() || geteuid() == 0, let account = ClusterAccount.find(uid: uid) { return account }
        let name = ClusterAccount.find(uid: uid)?.name ?? "the user id \(uid)"
        throw EmbeddedError(
            .permission,
            "the data folder \(path) belongs to \(name), who cannot run it from here",
            advice: uid == 0
                ? "PostgreSQL refuses folders of root: give it to an ordinary user (chown -R)"
                : "start as \(name) or as root, or use another project folder"
        )
    }

    private static func makeDirectories(_ path: String, mode: mode_t) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent,
                withIntermediateDirectories: true
            )
        } catch {
            throw EmbeddedError.system("cannot make the folder that holds \(path)", errno: errno)
        }
        guard mkdir(path, mode) == 0 || errno == EEXIST else {
            throw EmbeddedError.system("cannot make the folder \(path)", errno: errno)
        }
    }
}
