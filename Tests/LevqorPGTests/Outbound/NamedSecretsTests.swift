import Testing

@testable import LevqorPG

@Suite("Secrets by name")
struct NamedSecretsTests {
    private static func secrets() throws -> NamedSecrets {
        NamedSecrets(
            credentials: Credentials(environment: ["LEVQOR_CREDENTIAL_PAY": "s3cret"]),
            masterKey: try MasterKey(String(repeating: "5a", count: 32))
        )
    }

    @Test("A credential is what the environment holds")
    func credential() throws {
        #expect(try Self.secrets().find("credential/PAY") == "s3cret")
        #expect(throws: OutboundFailure.self) { try Self.secrets().find("credential/OTHER") }
    }

    @Test("A derived one is the same each time, and another for each name")
    func derived() throws {
        let secrets = try Self.secrets()
        let first = try secrets.find("derived/inbox/1/1")
        #expect(first.hasPrefix("whsec_"))
        #expect(try secrets.find("derived/inbox/1/1") == first)
        #expect(try secrets.find("derived/inbox/1/2") != first)
    }

    @Test("Anything else is none", arguments: ["PAY", "", "master", "LEVQOR_MASTER_KEY", "/PAY", "credential/../PAY"])
    func other(name: String) throws {
        #expect(throws: OutboundFailure.self) { try Self.secrets().find(name) }
    }
}
