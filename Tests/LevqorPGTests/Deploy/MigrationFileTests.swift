import Testing

@testable import LevqorPG

@Suite("A migration file")
struct MigrationFileTests {
    @Test func `tells its number, name, risk and mode`() throws {
        let text = "-- risk: rewrite\n-- Why.\n-- transaction: none\nselect 1;\n"
        let migration = try MigrationFile(SQLFile(path: "migrations/0012_add_note.sql", text: text))
        #expect(migration.number == 12)
        #expect(migration.name == "add_note")
        #expect(migration.risk == .rewrite)
        #expect(!migration.isTransactional)
        #expect(migration.label == "0012_add_note")
    }

    @Test func `heeds its head only`() throws {
        let text = "-- risk: safe\nselect 1;\n-- transaction: none\n"
        #expect(try MigrationFile(SQLFile(path: "migrations/0001_a.sql", text: text)).isTransactional)
    }

    @Test(arguments: ["12_a", "add_note", "0012", "0012_", "00x2_a", "0000_a", "+001_a"])
    func `needs a number of four digits and a name`(_ stem: String) {
        let error = #expect(throws: DeployError.self) {
            try MigrationFile(SQLFile(path: "migrations/\(stem).sql", text: "-- risk: safe\n"))
        }
        #expect(error?.message.contains("four digits") == true)
    }

    @Test(arguments: ["", "select 1;", "\n-- risk: safe", "-- risk: none", "-- risk safe", "-- Risk: safe"])
    func `needs its risk in line 1`(_ text: String) {
        let error = #expect(throws: DeployError.self) {
            try MigrationFile(SQLFile(path: "migrations/0001_a.sql", text: text))
        }
        #expect(error?.line == 1)
    }

    @Test(arguments: [
        ([1, 3], "number 2 is missing"), ([2], "number 1 is missing"), ([1, 1], "taken by"),
        ([1, 2, 2, 3], "taken by"),
    ])
    func `numbers have no gap and no double`(_ numbers: [Int], _ reason: String) {
        let error = #expect(throws: DeployError.self) { try Sample.files(migrations: numbers) }
        #expect(error?.code == .files)
        #expect(error?.message.contains(reason) == true)
    }
}
