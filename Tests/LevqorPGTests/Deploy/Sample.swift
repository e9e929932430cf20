@testable import LevqorPG

/// Small sets of files, and what a database that holds them has recorded.
enum Sample {
    static func file(_ path: String, _ text: String = "select 1;") -> SQLFile { SQLFile(path: path, text: text) }

    static func files(
        functions: [SQLFile] = [file("functions/a/one.sql"), file("functions/a/two.sql")],
        migrations numbers: [Int] = [1],
        breaking: Set<Int> = []
    ) throws -> DeployFiles {
        try DeployFiles(
            install: InstallScript(""),
            ordered: [file("schema/000_roles.sql")] + functions,
            migrations: numbers.enumerated().map { index, number in
                let name = ["a", "b", "c", "d"][index]
                let risk = breaking.contains(number) ? "breaking" : "safe"
                return try MigrationFile(file("migrations/000\(number)_\(name).sql", "-- risk: \(risk)\n"))
            }
        )
    }

    /// As a deploy of the files leaves it.
    static func state(_ files: DeployFiles) -> DeployedState {
        var state = DeployedState(isPresent: true)
        for migration in files.migrations {
            state.migrations[migration.number] = .init(name: migration.name, checksum: migration.file.checksum)
        }
        for file in files.functions {
            let identity = "function \(file.path)()"
            state.files[file.path] = .init(checksum: file.checksum, objects: [identity], leftObjects: [])
            state.existing.insert(identity)
        }
        state.deployment = .init(
            version: "0.1.0", breakingLevel: files.breakingLevel, digests: [files.digest],
            schemaDigest: files.schemaDigest
        )
        return state
    }
}
