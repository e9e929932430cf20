import Testing

@testable import LevqorPG

@Suite("The choice of PostgreSQL's programs")
struct ClusterBinariesTests {
    static let account = ClusterAccount(name: "postgres", uid: 101, gid: 104)

    static func binaries(_ versions: String...) -> [ClusterBinaries] {
        versions.map { version in
            let major = Int(version.prefix { $0 != "." }) ?? 0
            return ClusterBinaries(folder: "/opt/pg-\(version)/bin", version: version, major: major)
        }
    }

    private func choose(_ found: [ClusterBinaries], major: Int? = nil, asRoot: Bool = false) throws -> String {
        let data = major.map { (folder: "/p/.levqor/pg", major: $0) }
        return try ClusterBinaries.choose(from: found, data: data, account: Self.account, asRoot: asRoot).version
    }

    @Test(
        "the version is read from what postgres says",
        arguments: [
            ("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)", "15.20", 15),
            ("postgres (PostgreSQL) 18beta1", "18beta1", 18),
            ("postgres (PostgreSQL) 9.6.24", "9.6.24", 9),
        ])
    func version(answer: String, version: String, major: Int) {
        #expect(ClusterBinaries.version(inAnswer: answer)?.version == version)
        #expect(ClusterBinaries.version(inAnswer: answer)?.major == major)
    }

    @Test(
        "an answer that is no version is no PostgreSQL", arguments: ["", "postgres", "(PostgreSQL) ", "(PostgreSQL) x"])
    func noVersion(answer: String) {
        #expect(ClusterBinaries.version(inAnswer: answer) == nil)
    }

    @Test("a new folder gets the newest programs, an existing one its own major version")
    func newestOrOwn() throws {
        let found = Self.binaries("15.9", "17.1", "15.20", "16.3", "17.10")
        #expect(try choose(found) == "17.10")
        #expect(try choose(found, major: 15) == "15.20")
        #expect(try choose(found, major: 16) == "16.3")
    }

    @Test("without programs that are new enough the error says what was found and what to install")
    func nothingUsable() throws {
        let error = try #require(throws: EmbeddedError.self) { try choose(Self.binaries("14.2")) }
        #expect(error.code == .binaries)
        #expect(error.message.contains("14.2"))
        #expect(error.advice.contains("apt-get install postgresql"))
    }

    @Test("an old folder is refused with the upgrade command, also when its own programs are there")
    func upgrade() throws {
        let error = try #require(throws: EmbeddedError.self) {
            try choose(Self.binaries("14.2", "16.3"), major: 14, asRoot: true)
        }
        #expect(error.code == .upgrade)
        #expect(
            error.advice.contains(
                """
                runuser -u postgres -- /opt/pg-16.3/bin/pg_upgrade --old-bindir /opt/pg-14.2/bin \
                --new-bindir /opt/pg-16.3/bin --old-datadir /p/.levqor/pg --new-datadir /p/.levqor/pg.16 \
                --username postgres --socketdir /tmp
                """))
        #expect(!error.advice.contains("apt-get"))
        let missing = try #require(throws: EmbeddedError.self) { try choose(Self.binaries("16.3"), major: 15) }
        #expect(missing.advice.contains("apt-get install postgresql-15"))
        #expect(missing.advice.contains("--old-bindir /usr/lib/postgresql/15/bin"))
        #expect(!missing.advice.contains("runuser"))
    }

    @Test("a folder that is newer than every program is refused with what to install", arguments: [16, 99])
    func newer(major: Int) throws {
        let error = try #require(throws: EmbeddedError.self) { try choose(Self.binaries("15.1"), major: major) }
        #expect(error.code == .upgrade)
        #expect(error.advice.contains("apt-get install postgresql-\(major)"))
    }
}
