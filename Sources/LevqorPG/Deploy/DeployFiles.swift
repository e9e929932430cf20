import Foundation

/// Everything under sql/ that a deploy needs, read and checked.
struct DeployFiles: Sendable {
    let install: InstallScript
    /// Schema and function files in the order of loading.
    let ordered: [SQLFile]
    /// Migrations in order, without a gap.
    let migrations: [MigrationFile]

    /// The files that are replayed when they change.
    var functions: [SQLFile] { ordered.filter { Self.isFunctionFile($0.path) } }
    var schema: [SQLFile] { ordered.filter { !Self.isFunctionFile($0.path) } }
    /// Makes what roles are missing and becomes the owner; repeatable, so every deploy starts with it.
    var roles: SQLFile? { ordered.first }

    /// What a database that holds all of this has recorded. Schema files are left out: an edit there reaches a database
    /// by a migration.
    var digest: String { SQLFile.digest(functions + migrations.map(\.file)) }
    var schemaDigest: String { SQLFile.digest(schema) }
    /// The level of a database that has taken all these migrations.
    var breakingLevel: Int { 1 + migrations.count { $0.risk == .breaking } }

    static func isFunctionFile(_ path: String) -> Bool { path.hasPrefix("functions/") }

    init(install: InstallScript, ordered: [SQLFile], migrations: [MigrationFile]) throws {
        self.install = install
        self.ordered = ordered
        self.migrations = try Self.inOrder(migrations)
        guard !ordered.isEmpty else {
            throw DeployError(
                .files, "no file is loaded", advice: "Add a \\ir line for each file.", file: InstallScript.path
            )
        }
    }

    /// Reads a folder as it is now.
    static func read(_ folder: String) throws -> DeployFiles {
        let install = try InstallScript(SQLFile.read(InstallScript.path, in: folder).text)
        let ordered = try install.includes.map { include in
            do {
                return try SQLFile.read(include.path, in: folder)
            } catch let error as DeployError where error.file == include.path && !exists(include.path, in: folder) {
                throw DeployError(
                    .files, "\(include.path) is named here but does not exist",
                    advice: "Add the file or take the line out.", file: InstallScript.path, line: include.line
                )
            }
        }
        let named = Set(ordered.map(\.path))
        for path in try list("functions", in: folder) + list("schema", in: folder) where !named.contains(path) {
            throw DeployError(
                .files, "no line of install.sql loads this file", advice: "Add `\\ir \(path)` at its place there.",
                file: path
            )
        }
        let migrations = try list(MigrationFile.folder, in: folder).map { path in
            try MigrationFile(SQLFile.read(path, in: folder))
        }
        return try DeployFiles(install: install, ordered: ordered, migrations: migrations)
    }

    private static func inOrder(_ migrations: [MigrationFile]) throws -> [MigrationFile] {
        let sorted = migrations.sorted { ($0.number, $0.name) < ($1.number, $1.name) }
        for (index, migration) in sorted.enumerated() where migration.number != index + 1 {
            if index > 0, sorted[index - 1].number == migration.number {
                throw DeployError(
                    .files, "the number is taken by \(sorted[index - 1].label) too",
                    advice: "Give the newer of the two the next free number.", file: migration.file.path
                )
            }
            throw DeployError(
                .files, "number \(index + 1) is missing before \(migration.label)",
                advice: "Bring the missing file back: migrations are never removed. If it never was, number anew.",
                file: migration.file.path
            )
        }
        return sorted
    }

    private static func exists(_ path: String, in folder: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(folder)/\(path)")
    }

    /// Paths of the .sql files below a subfolder, hidden ones left out, in order.
    private static func list(_ subfolder: String, in folder: String) throws -> [String] {
        guard let found = FileManager.default.enumerator(atPath: "\(folder)/\(subfolder)") else { return [] }
        var paths: [String] = []
        while let path = found.nextObject() as? String {
            let isHidden = path.split(separator: "/").contains { $0.hasPrefix(".") }
            if path.hasSuffix(".sql") && !isHidden { paths.append("\(subfolder)/\(path)") }
        }
        return paths.sorted()
    }
}
