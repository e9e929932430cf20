extension Migrator {
    /// Carries a database on that has been deployed before. The deploy lock is held.
    func update(_ files: DeployFiles, _ session: DeploySession, prune: Bool) async throws -> DeployReport {
        try await session.connection.script(files.install.preamble)
        if let roles = files.roles {
            try await locating(roles.path, session) { byStatement in
                try await session.transaction { try await session.run(roles, byStatement: byStatement) }
            }
        }
        var state = try await session.state()
        let before = try DeployPlan.make(files, state)
        for notice in before.notices { await tell(.notice(notice)) }
        var report = DeployReport()

        for migration in before.migrations {
            try await take(migration, session)
            report.migrations.append(migration.label)
            await tell(.migrated(migration.label))
        }
        if !before.unchecked.isEmpty { try await session.recordChecksums(before.unchecked) }

        // A migration may have dropped what an unchanged file made.
        if !before.migrations.isEmpty { state = try await session.state() }
        let plan = try DeployPlan.make(files, state)
        for replay in plan.replays {
            try await self.replay(replay.file, state.files[replay.file.path], session)
            report.replayed.append(replay.file.path)
            await tell(.replayed(replay.file.path))
        }

        if !plan.replays.isEmpty { state = try await session.state() }
        let orphans = DeployPlan.orphans(files, state)
        if prune {
            report.orphans = try await remove(orphans, files, session, &report)
        } else {
            report.orphans = orphans.map(\.identity)
        }
        for identity in report.orphans {
            await tell(.notice("left the files and is still there (migrate --prune removes it): \(identity)"))
        }

        if report.changedSomething || state.deployment?.digests.last != files.digest {
            let isCarried = !before.migrations.isEmpty || state.deployment?.schemaDigest == nil
            try await session.transaction {
                try await session.recordDeployment(
                    release, files, schemaDigest: isCarried ? files.schemaDigest : state.deployment?.schemaDigest
                )
            }
        }
        try await session.writeEnvironment(environment)
        return report
    }

    private func take(_ migration: MigrationFile, _ session: DeploySession) async throws {
        try await session.becomeOwner()
        guard migration.isTransactional else {
            for statement in SQLStatement.split(migration.file.text) {
                try await session.clearBrokenIndex(before: statement, of: migration.file)
                try await session.run(statement, of: migration.file)
            }
            try await session.becomeOwner()
            return try await session.transaction { try await session.record(migration, release) }
        }
        try await session.givingWay(migration.label, attempts: timing.migrationAttempts, timing.backoff, tell) {
            try await locating(migration.label, session) { byStatement in
                try await session.transaction {
                    try await session.boundLocks(timing.migrationLock)
                    try await session.run(migration.file, byStatement: byStatement)
                    try await session.connection.script("set local role levqor_owner")
                    try await session.record(migration, release)
                }
            }
        }
    }

    private func replay(_ file: SQLFile, _ recorded: DeployedState.File?, _ session: DeploySession) async throws {
        try await session.givingWay(file.path, attempts: timing.functionAttempts, timing.backoff, tell) {
            try await locating(file.path, session) { byStatement in
                try await session.becomeOwner()
                try await session.transaction {
                    try await session.boundLocks(timing.functionLock)
                    try await session.run(file, byStatement: byStatement)
                    let made = try await session.objects(madeHere: true) + session.seededRows()
                    let before = (recorded?.leftObjects ?? []) + (recorded?.objects ?? [])
                    let left = Set(before).subtracting(made)
                    try await session.record(file, objects: made, left: left.sorted())
                }
            }
        }
    }

    /// Removes what it can, each in a transaction of its own, what others need last.
    ///
    /// - Returns: what is still there, because something that is no orphan needs it.
    private func remove(
        _ orphans: [DeployedObject],
        _ files: DeployFiles,
        _ session: DeploySession,
        _ report: inout DeployReport
    ) async throws -> [String] {
        var left = orphans
        var isStuck = false
        while !left.isEmpty && !isStuck {
            var kept: [DeployedObject] = []
            for orphan in left {
                do {
                    try await session.becomeOwner()
                    try await session.givingWay(
                        orphan.identity, attempts: timing.functionAttempts, timing.backoff, tell
                    ) {
                        try await session.transaction {
                            try await session.boundLocks(timing.functionLock)
                            try await session.remove(orphan)
                        }
                    }
                    report.pruned.append(orphan.identity)
                    await tell(.pruned(orphan.identity))
                } catch let failure as StatementFailure where ["2BP01", "23503"].contains(failure.error.sqlstate) {
                    kept.append(orphan)
                }
            }
            isStuck = kept.count == left.count
            left = kept
        }
        let identities = left.map(\.identity)
        try await session.transaction { try await session.forget(allBut: identities, files) }
        return identities
    }
}
