import Crypto
import Foundation

/// One file under sql/: its path there, its text, and the checksum of its bytes.
struct SQLFile: Sendable, Equatable {
    /// Path under sql/, such as `functions/core/ids.sql`.
    let path: String
    let text: String
    /// SHA-256 of the file in hex.
    let checksum: String

    init(path: String, bytes: [UInt8]) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw DeployError(.files, "the file is not UTF-8", advice: "Save it as UTF-8.", file: path)
        }
        self.path = path
        self.text = text
        checksum = Self.digest(bytes)
    }

    init(path: String, text: String) {
        self.path = path
        self.text = text
        checksum = Self.digest(Array(text.utf8))
    }

    static func read(_ path: String, in folder: String) throws -> SQLFile {
        guard let data = FileManager.default.contents(atPath: "\(folder)/\(path)") else {
            throw DeployError(
                .files, "the file cannot be read in \(folder)",
                advice: "Check that the folder is complete and readable, or set LEVQOR_SQL_DIRECTORY.", file: path
            )
        }
        return try SQLFile(path: path, bytes: Array(data))
    }

    /// SHA-256 in lower-case hex.
    static func digest(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).reduce(into: "") { text, byte in
            text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
    }

    /// One digest over many files: of their paths and checksums, in the order of the paths.
    static func digest(_ files: [SQLFile]) -> String {
        let lines = files.sorted { $0.path < $1.path }.map { "\($0.checksum)  \($0.path)\n" }
        return digest(Array(lines.joined().utf8))
    }
}
