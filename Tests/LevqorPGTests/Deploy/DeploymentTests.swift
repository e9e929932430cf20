import Testing

@testable import LevqorPG

@Suite("What a server makes of a deployment")
struct DeploymentJudgementTests {
    private let release = DeployRelease(version: "2.0.0", breakingLevel: 2)
    private let files = Deployment.FileFacts(digest: "now", migrations: [1: "0001_a", 2: "0002_b"])

    private func state(
        version: String? = "2.0.0",
        level: Int = 2,
        digests: [String] = ["now"],
        migrations: [Int] = [1, 2]
    ) -> Deployment.State {
        Deployment.State(version: version, breakingLevel: level, digests: digests, migrations: migrations)
    }

    @Test func `the same files are current`() throws {
        #expect(try Deployment.judge(state(digests: ["before", "now"]), files: files, release: release) == .current)
        #expect(try Deployment.judge(state(), files: nil, release: release) == .current)
    }

    @Test func `a breaking step ahead is refused and says what to install`() {
        let error = #expect(throws: DeployError.self) {
            try Deployment.judge(state(version: "3.1.0", level: 3), files: files, release: release)
        }
        #expect(error?.code == .ahead)
        #expect(error?.advice == "Install a newer server: 3.1.0 or later.")
    }

    @Test func `anything behind is refused with the command that mends it`() {
        let behind = [
            state(level: 1), state(migrations: [1]), state(digests: ["before"]), state(migrations: []),
        ]
        for state in behind {
            let error = #expect(throws: DeployError.self) {
                try Deployment.judge(state, files: files, release: release)
            }
            #expect(error?.code == .behind)
            #expect(error?.advice.contains("levqor-server migrate") == true)
        }
    }

    @Test func `newer files that break nothing are usable`() throws {
        for state in [state(digests: ["now", "later"]), state(digests: ["later"], migrations: [1, 2, 3])] {
            guard case .usable = try Deployment.judge(state, files: files, release: release) else {
                Issue.record("it should be usable")
                continue
            }
        }
    }

    @Test func `what psql installed is usable`() throws {
        let verdict = try Deployment.judge(state(version: nil, digests: []), files: files, release: release)
        guard case .usable(let sentence) = verdict else {
            Issue.record("it should be usable")
            return
        }
        #expect(sentence.contains("psql"))
    }
}

@Suite("Checksums")
struct SQLFileTests {
    @Test func `are SHA-256 in hex`() {
        // FIPS 180-2, appendix B.1.
        #expect(
            SQLFile(path: "a", text: "abc").checksum
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        )
    }

    @Test func `over many files heed paths and texts, not the order`() {
        let one = SQLFile(path: "a", text: "1")
        let two = SQLFile(path: "b", text: "2")
        #expect(SQLFile.digest([one, two]) == SQLFile.digest([two, one]))
        #expect(
            SQLFile.digest([one, two])
                != SQLFile.digest([SQLFile(path: "a", text: "2"), SQLFile(path: "b", text: "1")]))
        #expect(SQLFile.digest([one]) != SQLFile.digest([SQLFile(path: "c", text: "1")]))
    }

    @Test func `need a text that is UTF-8`() {
        let error = #expect(throws: DeployError.self) { try SQLFile(path: "schema/a.sql", bytes: [0xff]) }
        #expect(error?.file == "schema/a.sql")
    }
}

@Suite("An error of a deploy")
struct DeployErrorTests {
    @Test func `shows place, statement, detail and what to do`() {
        var error = DeployError(
            .statement, "no such thing", advice: "Make it.", file: "functions/a/b.sql", line: 7, statement: "select x"
        )
        error.sqlstate = "42P01"
        error.detail = "It is not there."
        #expect(
            error.description == """
                sql/functions/a/b.sql:7: no such thing (SQLSTATE 42P01)
                Statement: select x
                Detail: It is not there.
                What to do: Make it.
                """
        )
    }
}
