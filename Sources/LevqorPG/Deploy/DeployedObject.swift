import Foundation

/// Something that a function file makes, by the identity under which it is recorded.
///
/// `function core.now()`, `view http.route_argument`, `trigger x on core.setting` are what pg_identify_object() says;
/// `row core.setting {"name": "core.environment"}` is a seeded row by table and key.
struct DeployedObject: Sendable, Hashable {
    enum Kind: Int, Comparable {
        case row, trigger, view, function

        static func < (one: Kind, other: Kind) -> Bool { one.rawValue < other.rawValue }
    }

    let identity: String

    /// Removed in this order: what refers to others first.
    var kind: Kind {
        switch identity.prefix(while: { $0 != " " }) {
        case "row": .row
        case "trigger": .trigger
        case "view": .view
        default: .function
        }
    }

    /// Table and key (a JSON object) of a seeded row.
    var row: (table: String, key: String)? {
        let parts = identity.split(separator: " ", maxSplits: 2)
        guard kind == .row, parts.count == 3 else { return nil }
        return (String(parts[1]), String(parts[2]))
    }

    /// The statement that removes it; nil for a row. The identity came from the catalog, quoted where it has to be.
    var dropStatement: String? {
        guard kind != .row, let space = identity.firstIndex(of: " ") else { return nil }
        return "drop \(identity[..<space]) if exists \(identity[identity.index(after: space)...])"
    }

    static func row(note: String) throws -> DeployedObject {
        struct Note: Decodable {
            let table: String
            let key: String
        }
        let note = try JSONDecoder().decode(Note.self, from: Data(note.utf8))
        return DeployedObject(identity: "row \(note.table) \(note.key)")
    }
}
