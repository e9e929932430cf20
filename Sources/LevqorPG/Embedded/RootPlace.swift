import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Root's clusters: each in a folder of its own under one that only root can change.
struct RootPlace {
    let systemRoot: String
    /// `.levqor` of the project, every link resolved.
    let directory: String

    /// Follows the link of a project that has a cluster already.
    ///
    /// A moved project keeps its cluster. A copied one does not share it: two projects on one database, each with its
    /// own idea of the schema, would be a trap.
    func follow(_ link: String) async throws -> ClusterPlace {
        let target = try? FileManager.default.destinationOfSymbolicLink(atPath: link)
        guard let target, let base = FileFacts.realPath(systemRoot) ?? Optional(systemRoot),
            let home = homeName(of: target, in: [systemRoot, base])
        else {
            throw EmbeddedError(
                .foreignFolder,
                "\(link) leads to \(target ?? "nowhere"), outside of \(systemRoot), where clusters started by root live",
                advice: "start as the user who made the link, or remove it to begin with an empty cluster"
            )
        }
        try makeSystemRoot()
        let path = "\(systemRoot)/\(home)"
        if let other = recordedProject(path), other != directory, linkTarget(of: other) == target {
            throw EmbeddedError(
                .busy,
                "the cluster in \(path) belongs to \(other), of which this folder seems to be a copy",
                advice: "remove the link \(ShellWord.quote(link)) to give this copy an empty cluster of its own"
            )
        }
        return try await place(path)
    }

    /// Makes the folder of a project that has no cluster yet, and the link to it.
    func make(_ link: String) async throws -> ClusterPlace {
        try makeSystemRoot()
        for attempt in 0..<100 {
            let path = "\(systemRoot)/\(ClusterPlace.hash(directory, attempt: attempt))"
            // The place may be taken by a project that stood here and was moved away with its link.
            if let other = recordedProject(path), other != directory { continue }
            let place = try await place(path)
            if symlink(place.data, link) != 0, linkTarget(of: directory) != place.data {
                throw EmbeddedError.system("cannot make the link \(link)", errno: EEXIST)
            }
            return place
        }
        throw EmbeddedError.foreign(systemRoot)
    }

    /// The folder with its owner and its note of the project, made where missing.
    private func place(_ path: String) async throws -> ClusterPlace {
        if mkdir(path, 0o755) != 0, errno != EEXIST {
            throw EmbeddedError.system("cannot make the folder \(path)", errno: errno)
        }
        try verifyRoots(path)
        try Data((directory + "\n").utf8).write(to: URL(fileURLWithPath: path + "/project"), options: .atomic)
        let account: ClusterAccount
        if let owner = try FileFacts.of(path + "/pg")?.owner, let found = ClusterAccount.find(uid: owner), owner != 0 {
            account = found
        } else {
            account = try await .ensure(ClusterPlace.accountNames, home: systemRoot)
        }
        return ClusterPlace(directory: directory, home: path, data: path + "/pg", account: account)
    }

    private func makeSystemRoot() throws {
        if mkdir(systemRoot, 0o755) != 0, errno != EEXIST {
            throw EmbeddedError.system("cannot make the folder \(systemRoot)", errno: errno)
        }
        try verifyRoots(systemRoot)
    }

    /// Only root may be able to change the folder; mkdir(2) applies the umask, so the mode is set.
    private func verifyRoots(_ path: String) throws {
        guard let facts = try FileFacts.of(path), facts.kind == .folder, facts.owner == 0 else {
            throw EmbeddedError.foreign(path)
        }
        guard facts.mode == 0o755 || chmod(path, 0o755) == 0 else {
            throw EmbeddedError.system("cannot set the mode of \(path)", errno: errno)
        }
    }

    private func homeName(of target: String, in bases: [String]) -> String? {
        for base in bases where target.hasPrefix(base + "/") && target.hasSuffix("/pg") {
            let name = target.dropFirst(base.count + 1).dropLast(3)
            if !name.isEmpty, name.allSatisfy(\.isHexDigit) { return String(name) }
        }
        return nil
    }

    private func recordedProject(_ path: String) -> String? {
        (try? String(contentsOfFile: path + "/project", encoding: .utf8))?.trimmingCharacters(in: .newlines)
    }

    private func linkTarget(of project: String) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: project + "/pg")
    }
}
