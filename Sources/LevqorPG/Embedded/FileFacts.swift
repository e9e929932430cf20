import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// What lstat(2) says of a path; links are never followed.
struct FileFacts: Sendable, Equatable {
    enum Kind: Sendable { case folder, link, other }

    var kind: Kind
    var owner: uid_t
    var mode: mode_t

    /// Nil when nothing is there; throws when the path cannot be looked at.
    static func of(_ path: String) throws -> FileFacts? {
        var found = stat()
        guard lstat(path, &found) == 0 else {
            if errno == ENOENT { return nil }
            throw EmbeddedError.system("cannot look at \(path)", errno: errno)
        }
        let kind: Kind =
            switch found.st_mode & S_IFMT {
            case S_IFDIR: .folder
            case S_IFLNK: .link
            default: .other
            }
        return FileFacts(kind: kind, owner: found.st_uid, mode: found.st_mode & 0o7777)
    }

    /// The path with every link resolved, or nil when it leads nowhere.
    static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
