import Foundation
import Testing

@testable import LevqorPG

@Suite("Credentials of others")
struct CredentialsTests {
    /// A folder of one test.
    private static func withFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "levqor-credentials-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private func failure(_ credentials: Credentials, _ name: String) -> OutboundFailure? {
        do {
            _ = try credentials.find(name)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "A name is looked up in upper case, with _ for - and .",
        arguments: [("crm", "CRM"), ("crm-eu.v2", "CRM_EU_V2"), ("Crm_Eu", "CRM_EU")])
    func variable(name: String, suffix: String) throws {
        let credentials = Credentials(environment: ["LEVQOR_CREDENTIAL_\(suffix)": "secret"])
        #expect(try credentials.find(name) == Credential(name: name, text: "secret"))
    }

    @Test("One that is not there is named, with the variable to set; an empty one is not there")
    func missing() {
        let missing = failure(Credentials(environment: ["LEVQOR_CREDENTIAL_CRM_EU": "", "CRM_EU": "x"]), "crm-eu")
        #expect(missing?.kind == .credentialMissing)
        #expect(missing?.message.contains("LEVQOR_CREDENTIAL_CRM_EU") == true)
    }

    @Test("A file wins over the variable, without its line end, and is read anew when it changes")
    func file() throws {
        try Self.withFolder { folder in
            let credentials = Credentials(
                environment: ["LEVQOR_CREDENTIAL_CRM": "variable", "LEVQOR_CREDENTIALS_DIRECTORY": folder])
            #expect(try credentials.find("crm").text == "variable")
            try "first\n".write(toFile: folder + "/crm", atomically: true, encoding: .utf8)
            #expect(try credentials.find("crm").text == "first")
            try "other".write(toFile: folder + "/crm", atomically: false, encoding: .utf8)
            #expect(try credentials.find("crm").text == "other")
            try FileManager.default.removeItem(atPath: folder + "/crm")
            #expect(try credentials.find("crm").text == "variable")
        }
    }

    @Test("A file that is empty, too long, no text or a folder is a failure, and not the variable's value")
    func unusable() throws {
        try Self.withFolder { folder in
            let credentials = Credentials(
                environment: ["LEVQOR_CREDENTIAL_CRM": "variable", "LEVQOR_CREDENTIALS_DIRECTORY": folder])
            for bytes in [Data(), Data("\n".utf8), Data(repeating: 65, count: 65537), Data([0xff, 0xfe])] {
                try bytes.write(to: URL(fileURLWithPath: folder + "/crm"))
                #expect(failure(credentials, "crm")?.kind == .credentialUnusable, "\(bytes.count)")
            }
            try FileManager.default.removeItem(atPath: folder + "/crm")
            try FileManager.default.createDirectory(atPath: folder + "/crm", withIntermediateDirectories: true)
            #expect(failure(credentials, "crm")?.kind == .credentialUnusable)
        }
    }

    @Test(
        "A name that could lead to another file is refused",
        arguments: ["", "../etc/passwd", "a/b", ".hidden", "a b", "é", "a\n", String(repeating: "a", count: 65)])
    func names(name: String) throws {
        try Self.withFolder { folder in
            #expect(
                failure(Credentials(environment: ["LEVQOR_CREDENTIALS_DIRECTORY": folder]), name)?.kind
                    == .invalidRequest)
        }
    }

    @Test("A value shows in no description")
    func hidden() {
        let credential = Credential(name: "crm", text: "secret")
        var dumped = ""
        dump(credential, to: &dumped)
        for text in ["\(credential)", String(reflecting: credential), dumped] { #expect(!text.contains("secret")) }
    }
}
