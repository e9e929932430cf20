import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Folders that only their owner may enter, made so that nobody can slip another one under us.
enum PrivateFolder {
    /// Makes the folder for `owner` with mode 0700, or verifies the one that is there.
    ///
    /// The parent must be one in which strangers cannot rename our entries (our own, or sticky as /tmp is).
    /// - Throws: `EmbeddedError` when something is there that is no folder or belongs to another user: it is never used.
    static func make(_ path: String, owner: ClusterAccount) throws {
        if mkdir(path, 0o700) == 0 {
            try give(path, to: owner)
            return
        }
        guard errno == EEXIST else { throw EmbeddedError.system("cannot make the folder \(path)", errno: errno) }
        guard let facts = try FileFacts.of(path) else { throw EmbeddedError.foreign(path) }
        // Root made it for the account, and was ended before it gave it away.
        let unfinished = facts.owner == 0 && geteuid() == 0 && rmdir(path) == 0 && mkdir(path, 0o700) == 0
        if unfinished {
            try give(path, to: owner)
            return
        }
        guard facts.kind == .folder, facts.owner == owner.uid else { throw EmbeddedError.foreign(path) }
        if facts.mode & 0o077 != 0, chmod(path, 0o700) != 0 {
            throw EmbeddedError.system("cannot close \(path) to other users", errno: errno)
        }
    }

    /// Gives a path that we made to the account; only root can and has to.
    static func give(_ path: String, to owner: ClusterAccount) throws {
        guard geteuid() == 0 else { return }
        guard lchown(path, owner.uid, owner.gid) == 0 else {
            throw EmbeddedError.system("cannot give \(path) to the user \(owner.name)", errno: errno)
        }
    }
}
