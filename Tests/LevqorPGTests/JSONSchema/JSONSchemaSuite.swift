import Foundation

@testable import LevqorPG

/// The official JSON-Schema-Test-Suite, found through the environment variable LEVQOR_JSON_SCHEMA_SUITE.
///
/// The variable names the folder that holds `tests/` and `remotes/`.
enum JSONSchemaSuite {
    static let variable = "LEVQOR_JSON_SCHEMA_SUITE"
    static let draft = "tests/draft2020-12"

    struct Group {
        let description: String
        let schema: JSONValue
        let tests: [(description: String, data: JSONValue, isValid: Bool)]
    }

    struct Missing: Error, CustomStringConvertible {
        var description: String {
            "\(JSONSchemaSuite.variable) must name the folder of the JSON-Schema-Test-Suite (tests/, remotes/)"
        }
    }

    static func root() throws -> URL {
        guard let path = ProcessInfo.processInfo.environment[variable], !path.isEmpty else { throw Missing() }
        let root = URL(fileURLWithPath: path, isDirectory: true)
        guard FileManager.default.fileExists(atPath: root.appendingPathComponent(draft).path) else { throw Missing() }
        return root
    }

    /// The files of a folder under the draft; one that does not exist when there is no suite: its test fails.
    static func files(_ folder: String) -> [String] {
        guard let root = try? root() else { return ["the suite is missing"] }
        let path = root.appendingPathComponent(draft).appendingPathComponent(folder).path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.hasSuffix(".json") }.sorted().map { folder.isEmpty ? $0 : "\(folder)/\($0)" }
    }

    /// The groups of one file.
    static func groups(_ file: String) throws -> [Group] {
        let document = try parse(root().appendingPathComponent(draft).appendingPathComponent(file))
        return (document.array ?? []).map { group in
            let object = group.object
            return Group(
                description: object?["description"]?.string ?? "",
                schema: object?["schema"] ?? .null,
                tests: (object?["tests"]?.array ?? []).map { test in
                    (
                        test.object?["description"]?.string ?? "", test.object?["data"] ?? .null,
                        test.object?["valid"]?.bool ?? false
                    )
                }
            )
        }
    }

    /// The documents that the suite expects at http://localhost:1234/, without those of other drafts.
    static func remotes() throws -> [String: JSONValue] {
        let folder = try root().appendingPathComponent("remotes")
        var documents: [String: JSONValue] = [:]
        for case let name as String in FileManager.default.enumerator(atPath: folder.path) ?? .init()
        where name.hasSuffix(".json") && (!name.hasPrefix("draft") || name.hasPrefix("draft2020-12/")) {
            documents["http://localhost:1234/\(name)"] = try parse(folder.appendingPathComponent(name))
        }
        return documents
    }

    /// Parses a file of the suite; it holds `\u0000`, which the parser refuses, so that takes a way round.
    private static func parse(_ url: URL) throws -> JSONValue {
        let text = try String(contentsOf: url, encoding: .utf8)
        return restore(try JSONParser.parse(text.replacingOccurrences(of: "\\u0000", with: "\\uE0FF")))
    }

    private static func restore(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text):
            return .string(text.replacingOccurrences(of: "\u{E0FF}", with: "\u{0}"))
        case .array(let elements):
            return .array(elements.map(restore))
        case .object(let object):
            return .object(
                JSONObject(
                    object.members.map { member in
                        let name = member.name.replacingOccurrences(of: "\u{E0FF}", with: "\u{0}")
                        return JSONObject.Member(name: name, value: restore(member.value))
                    }
                )
            )
        case .null, .bool, .number:
            return value
        }
    }
}
