import Testing

@testable import LevqorPG

@Suite("A check")
struct CheckTests {
    private static let good = DatabaseFacts(
        versionNumber: 150_020, version: "15.20", encoding: "UTF8", login: "web", isSuperuser: false, mayBeServer: true,
        fsync: "on", synchronousCommit: "on", maxConnections: 100, reservedConnections: 3, usedConnections: 10,
        clockOffset: 0.2
    )

    private func findings(_ change: (inout DatabaseFacts) -> Void) -> [CheckFinding] {
        var facts = Self.good
        change(&facts)
        return facts.findings(isEmbedded: false, connections: 4).filter { $0.level != .ok }
    }

    @Test func `renders findings for a person`() {
        let findings: [CheckFinding] = [
            .ok("This is fine."), .warning("This could be better.", "Better it."), .error("This is bad.", "Mend it."),
            .error("This too.", "Mend it too."),
        ]
        #expect(
            findings.lines.joined(separator: "\n") == """
                ok       This is fine.
                warning  This could be better.
                         What to do: Better it.
                error    This is bad.
                         What to do: Mend it.
                error    This too.
                         What to do: Mend it too.
                2 errors, 1 warning.
                """
        )
        #expect(!findings.isFine)
        #expect(findings.prefix(2).isFine)
        #expect(findings.prefix(2).lines.last == "1 warning.")
        #expect(findings.prefix(1).lines.last == "Everything is fine.")
    }

    @Test func `finds nothing wrong with a good database`() {
        #expect(findings { _ in } == [])
    }

    @Test func `names what is wrong with a database, and what mends it`() {
        func only(_ level: CheckFinding.Level, _ advice: String, _ change: (inout DatabaseFacts) -> Void) -> Bool {
            let found = findings(change)
            return found.count == 1 && found[0].level == level && found[0].advice.contains(advice)
        }
        #expect(only(.error, "15 or newer") { $0.versionNumber = 149_999 })
        #expect(only(.error, "encoding 'UTF8'") { $0.encoding = "SQL_ASCII" })
        #expect(only(.warning, "create role") { $0.isSuperuser = true })
        #expect(only(.error, "grant levqor_server to web") { $0.mayBeServer = false })
        #expect(only(.error, "levqor-server migrate") { $0.mayBeServer = nil })
        #expect(only(.warning, "fsync = on") { $0.fsync = "off" })
        #expect(only(.warning, "Set it to on") { $0.synchronousCommit = "off" })
        #expect(only(.warning, "max_connections") { $0.usedConnections = 90 })
        #expect(only(.error, "NTP") { $0.clockOffset = 5 })
        #expect(only(.error, "NTP") { $0.clockOffset = -90 })
        #expect(
            findings { $0.clockOffset = -90 }[0].sentence == "The database's clock is 90.0 s behind this machine's.")
    }

    @Test func `lets the server's own database have a superuser`() {
        var facts = Self.good
        facts.isSuperuser = true
        #expect(facts.findings(isEmbedded: true, connections: 4).allSatisfy { $0.level == .ok })
    }

    @Test(arguments: [
        ([:], true),
        (["LEVQOR_MASTER_KEY": String(repeating: "ab", count: 32)], false),
        (["LEVQOR_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.7"], true),
        (["LEVQOR_PORT": "0", "LEVQOR_CONNECTIONS": "64"], true),
    ])
    func `accepts good settings`(_ variables: [String: String], _ isEmbedded: Bool) {
        #expect(CheckedSettings(variables: variables, isEmbedded: isEmbedded).findings.isFine)
    }

    @Test(arguments: [
        ([:], "LEVQOR_MASTER_KEY"),
        (["LEVQOR_MASTER_KEY": "abcd"], "openssl rand -hex 32"),
        (["LEVQOR_MASTER_KEY": "?!"], "openssl rand -hex 32"),
        (["LEVQOR_TRUSTED_PROXIES": "10.0.0.1/8"], "10.0.0.0/8"),
        (["LEVQOR_ALLOWED_NETWORKS": "localhost"], "10.0.0.0/8"),
        (["LEVQOR_PORT": "80a"], "0 to 65535"),
        (["LEVQOR_ADMIN_PORT": "65536"], "0 to 65535"),
        (["LEVQOR_CONNECTIONS": "0"], "1 to 64"),
    ])
    func `refuses bad settings and says what to write`(_ variables: [String: String], _ advice: String) {
        var variables = variables
        let isAboutKey = variables.isEmpty || variables["LEVQOR_MASTER_KEY"] != nil
        if !isAboutKey { variables["LEVQOR_MASTER_KEY"] = String(repeating: "ab", count: 32) }
        let errors = CheckedSettings(variables: variables, isEmbedded: false).findings.filter { $0.level == .error }
        #expect(errors.count == 1)
        #expect(errors.first?.advice.contains(advice) == true)
        #expect(errors.first?.sentence.contains("abcd") == false)
    }

    @Test func `warns of proxies that are everybody`() {
        let settings = CheckedSettings(variables: ["LEVQOR_TRUSTED_PROXIES": "0.0.0.0/0"], isEmbedded: true)
        #expect(settings.findings.contains { $0.level == .warning })
    }

    @Test func `knows where the server would listen`() {
        let settings = CheckedSettings(
            variables: ["LEVQOR_PORT": "0", "LEVQOR_ADMIN_HOST": "::1", "LEVQOR_ADMIN_PORT": "9000"], isEmbedded: true
        )
        #expect(settings.endpoints.map { "\($0.variable) \($0.host) \($0.port)" } == ["LEVQOR_ADMIN_PORT ::1 9000"])
    }
}
