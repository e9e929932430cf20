import Foundation
import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Makes the data folder, once.
///
/// initdb works in a folder of another name, which gets the real name when all is done and on disk. So a data folder
/// that exists is complete, whatever was killed and when, and nothing that exists is ever removed but what initdb
/// left half-made. Each try has its own folder: an initdb whose server was killed may still be writing into the last.
struct ClusterMaker: Sendable {
    let tools: ClusterTools
    let logger: Logger

    private var place: ClusterPlace { tools.place }

    /// What initdb is told of the cluster's nature. An upgrade must say the same.
    ///
    /// Text is ordered by its bytes (fast, and no upgrade of the C library breaks an index) and its letters are known
    /// by Unicode.
    static func layout(characterType: String) -> [String] {
        [
            "--username=\(ClusterSettings.superuser)", "--encoding=UTF8", "--locale=C", "--lc-ctype=\(characterType)",
            "--data-checksums",
        ]
    }

    /// Whether a data folder is there.
    /// - Throws: `EmbeddedError` when what is there is no data folder; it is left alone.
    static func exists(_ place: ClusterPlace) throws -> Bool {
        guard try FileFacts.of(place.data) != nil else { return false }
        if try FileFacts.of(place.data + "/PG_VERSION") != nil { return true }
        // An empty folder holds nothing to lose.
        if rmdir(place.data) == 0 { return false }
        throw EmbeddedError(
            .incompleteFolder,
            "\(place.data) is no data folder of PostgreSQL (it has no PG_VERSION), and it is not empty",
            advice: "look into it, move it away (mv \(ShellWord.quote(place.data)) somewhere), then start again"
        )
    }

    /// The major version of the data folder.
    static func major(_ place: ClusterPlace) throws -> Int {
        let path = place.data + "/PG_VERSION"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        guard let major = Int(text.trimmingCharacters(in: .whitespacesAndNewlines).prefix { $0 != "." }) else {
            throw EmbeddedError(
                .incompleteFolder, "cannot read a version in \(path)", advice: "restore it from a backup")
        }
        return major
    }

    /// Makes the data folder. The caller holds the start lock.
    func make() async throws {
        await removeHalfMade()
        logger.info("making a database cluster", metadata: ["levqor.pg.data": "\(place.data)"])
        do {
            try await initialise(characterType: "C.UTF-8")
        } catch let error as EmbeddedError where error.message.contains("invalid locale name") {
            // macOS before 15 and some small systems have no C.UTF-8.
            try await initialise(characterType: "C")
        }
    }

    private func initialise(characterType: String) async throws {
        let name = "\(place.makingPrefix)\(getpid()).\(UInt32.random(in: 0 ... .max))"
        let folder = "\(place.home)/\(name)"
        try PrivateFolder.make(folder, owner: place.account)
        let output = try await tools.run(
            "initdb",
            ["--pgdata=\(folder)", "--auth-local=peer", "--auth-host=reject", "--no-instructions"]
                + Self.layout(characterType: characterType),
            timeout: .seconds(300)
        )
        guard output.succeeded else {
            try? await tools.removeFolder(folder)
            // The other stream only tells how far it came.
            throw EmbeddedError.diagnose("cannot make a database cluster", output: output.error, place: place.home)
        }
        guard rename(folder, place.data) == 0 else {
            throw EmbeddedError.system("cannot rename \(folder)", errno: errno)
        }
        syncFolder(place.home)
    }

    private func removeHalfMade() async {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: place.home)) ?? []
        for name in names where name.hasPrefix(place.makingPrefix) {
            logger.warning("removing a cluster that never became complete", metadata: ["levqor.pg.folder": "\(name)"])
            do {
                try await tools.removeFolder("\(place.home)/\(name)")
            } catch {
                // Its initdb may still be writing; the next start tries again.
                logger.warning("it could not be removed", metadata: ["error": "\(error)"])
            }
        }
    }

    /// initdb has synced the files; the rename must outlive a power cut, too.
    private func syncFolder(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }
}
