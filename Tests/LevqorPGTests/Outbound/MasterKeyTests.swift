import Foundation
import Testing

@testable import LevqorPG

@Suite("The master key")
struct MasterKeyTests {
    private static let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    private static let hex = "000102030405060708090a0B0C0d0e0f101112131415161718191a1b1c1d1e1f"

    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("levqor-key-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.path)
    }

    @Test("it is read from base64 and from hex", arguments: [base64, hex, "\n \(base64)\n", " \(hex) \n"])
    func parse(text: String) throws {
        #expect(try MasterKey(text).bytes == Array(0..<32))
    }

    @Test(
        "anything else is refused",
        arguments: [
            ("", MasterKey.KeyError.tooShort(0)), ("00ff", .tooShort(2)),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", .tooShort(31)),
            ("not a key", .notBase64OrHex), (String(hex.dropLast()) + "\u{ff10}", .notBase64OrHex),
        ]
    )
    func bad(text: String, error: MasterKey.KeyError) {
        #expect(throws: error) { try MasterKey(text) }
    }

    @Test("its descriptions do not show it")
    func redacted() throws {
        let key = try MasterKey(Self.base64)
        var dumped = ""
        dump(key, to: &dumped)
        for text in ["\(key)", String(reflecting: key), "\([key])", dumped] {
            #expect(!text.contains("AAEC") && !text.contains("bytes"), "\(text)")
        }
    }

    @Test("a missing file is made once, for its owner alone, and read from then on")
    func createAndLoad() throws {
        try withFolder { folder in
            let path = folder + "/master.key"
            let made = try MasterKey.loadOrCreate(at: path)
            #expect(made.bytes.count == 32)
            #expect(try MasterKey.loadOrCreate(at: path) == made)
            #expect(try MasterKey.load(from: path) == made)
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["master.key"])
        }
    }

    @Test("many that start at once end with one key")
    func creationRace() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("levqor-key-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("master.key").path
        let keys = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<16 { group.addTask { try MasterKey.loadOrCreate(at: path).bytes } }
            return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
        }
        #expect(keys.count == 1)
    }

    @Test("a file that others can read is refused", arguments: [0o644, 0o640, 0o604, 0o622])
    func openToOthers(mode: Int) throws {
        try withFolder { folder in
            let path = folder + "/master.key"
            _ = try MasterKey.loadOrCreate(at: path)
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            #expect(throws: MasterKey.KeyError.openToOthers(path: path)) { try MasterKey.loadOrCreate(at: path) }
        }
    }

    @Test("a missing, empty or oversized file and a folder are errors, and an existing file is never replaced")
    func badFiles() throws {
        try withFolder { folder in
            let path = folder + "/key"
            #expect(throws: MasterKey.KeyError.self) { try MasterKey.load(from: path) }
            #expect(throws: MasterKey.KeyError.self) { try MasterKey.load(from: folder) }
            #expect(throws: MasterKey.KeyError.self) { try MasterKey.loadOrCreate(at: folder + "/none/key") }
            for text in ["", String(repeating: "A", count: 8000)] {
                let made = FileManager.default.createFile(
                    atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
                #expect(made)
                #expect(throws: MasterKey.KeyError.self) { try MasterKey.loadOrCreate(at: path) }
                #expect(FileManager.default.contents(atPath: path) == Data(text.utf8))
            }
        }
    }

    @Test("a secret follows from key and name, and from nothing else")
    func derived() throws {
        let key = try MasterKey(Self.base64)
        let secret = try DerivedSecret.make(from: key, name: "account/endpoint/1")
        // Python: hmac.new(bytes(range(32)), b"account/endpoint/1", hashlib.sha256)
        #expect(secret.text == "whsec_6YarBiP72JzX60UsKGbtN8oQo4/cIKhD4O39biJvWcM=")
        #expect(try DerivedSecret.make(from: key, name: "account/endpoint/2") != secret)
        #expect(try DerivedSecret.make(from: MasterKey.random(), name: "account/endpoint/1") != secret)
        #expect(try SigningSecret(secret.text) == secret)
    }
}
