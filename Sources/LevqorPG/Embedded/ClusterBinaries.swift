import Foundation

/// PostgreSQL's programs of one major version, all in one folder.
struct ClusterBinaries: Sendable, Equatable {
    /// The oldest major version that the product supports.
    static let oldestMajor = 15
    /// What a private cluster needs; a folder that lacks one of them is not used.
    static let programs = ["initdb", "pg_ctl", "pg_isready", "postgres", "psql"]

    var folder: String
    var version: String
    var major: Int

    func path(_ program: String) -> String { folder + "/" + program }

    /// The version in the answer of `postgres --version`, as in "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)".
    static func version(inAnswer answer: String) -> (version: String, major: Int)? {
        guard let end = answer.range(of: "(PostgreSQL) ")?.upperBound else { return nil }
        let version = answer[end...].prefix { !$0.isWhitespace }
        guard let major = Int(version.prefix { $0.isASCII && $0.isNumber }) else { return nil }
        return (String(version), major)
    }

    /// The programs for a data folder, or the newest ones where there is no folder yet.
    /// - Parameters:
    ///   - found: what is installed, of any version.
    ///   - data: an existing data folder and the major version in it.
    /// - Throws: `EmbeddedError` that says what to install, or how to upgrade the folder.
    static func choose(
        from found: [ClusterBinaries],
        data: (folder: String, major: Int)?,
        account: ClusterAccount,
        asRoot: Bool
    ) throws -> ClusterBinaries {
        let usable = found.filter { $0.major >= oldestMajor }
        let newest = usable.max { ($0.major, $0.minor) < ($1.major, $1.minor) }
        guard let data else {
            guard let newest else { throw EmbeddedError.noBinaries(tooOld: found) }
            return newest
        }
        let same = usable.filter { $0.major == data.major }
        if let match = same.max(by: { $0.minor < $1.minor }) { return match }
        guard let newest, newest.major > data.major else {
            throw EmbeddedError.folderNeedsMajor(data.major, folder: data.folder)
        }
        let old = found.first { $0.major == data.major }
        throw EmbeddedError.folderNeedsUpgrade(
            UpgradeCommand(
                folder: data.folder, oldMajor: data.major, old: old, new: newest, runAs: asRoot ? account : nil)
        )
    }

    private var minor: Int {
        Int(version.drop { $0 != "." }.dropFirst().prefix { $0.isASCII && $0.isNumber }) ?? 0
    }
}
