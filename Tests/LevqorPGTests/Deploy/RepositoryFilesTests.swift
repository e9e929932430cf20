import Foundation
import Testing

@testable import LevqorPG

@Suite("The files of this repository")
struct RepositoryFilesTests {
    private static var sql: String {
        var root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<4 { root.deleteLastPathComponent() }
        return root.appendingPathComponent("sql").path
    }

    @Test func `can be deployed, and this build knows their breaking steps`() throws {
        let files = try DeployFiles.read(Self.sql)
        #expect(files.roles?.path == "schema/000_roles.sql")
        #expect(files.ordered.last?.path == "schema/999_migrations.sql")
        #expect(files.breakingLevel == DeployRelease.current.breakingLevel)
        for migration in files.migrations {
            let row = "(\(migration.number), '\(migration.name)')"
            #expect(files.ordered.last?.text.contains(row) == true)
        }
    }

    @Test func `hold no statement that begins or ends a transaction`() throws {
        let files = try DeployFiles.read(Self.sql)
        for file in files.ordered + files.migrations.map(\.file) {
            let offender = SQLStatement.split(file.text).first { $0.controlsTransaction }
            #expect(offender == nil, "\(file.path)")
        }
    }
}
