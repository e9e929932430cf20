import Testing

@testable import LevqorPG

@Suite("A deploy's plan")
struct DeployPlanTests {
    @Test func `for an empty database is to make everything`() throws {
        let plan = try DeployPlan.make(Sample.files(), .absent)
        #expect(plan.isFresh)
        #expect(!plan.isEmpty)
        #expect(plan.description == "The database is empty: everything would be made, in one transaction.")
    }

    @Test func `for a database that is as the files are is empty`() throws {
        let files = try Sample.files()
        let plan = try DeployPlan.make(files, Sample.state(files))
        #expect(plan.isEmpty)
        #expect(plan.description == "Nothing to do: the database is as the files are.")
    }

    @Test func `names new, changed and damaged files, and what has left`() throws {
        let before = try Sample.files(functions: ["one", "two", "old"].map { Sample.file("functions/a/\($0).sql") })
        var state = Sample.state(before)
        state.existing.remove("function functions/a/two.sql()")
        state.files["functions/a/one.sql"]?.leftObjects = ["view a.gone", "row a.t {\"name\": \"x\"}"]
        let now = try Sample.files(
            functions: [
                Sample.file("functions/a/one.sql", "select 2;"), Sample.file("functions/a/two.sql"),
                Sample.file("functions/a/new.sql"),
            ],
            migrations: [1, 2]
        )
        let plan = try DeployPlan.make(now, state)
        #expect(
            plan.description == """
                migration 0002_b (risk: safe)
                replay functions/a/one.sql (changed)
                replay functions/a/two.sql (something it makes is missing)
                replay functions/a/new.sql (new)
                left the files, removed by --prune: row a.t {"name": "x"}
                left the files, removed by --prune: view a.gone
                left the files, removed by --prune: function functions/a/old.sql()
                """
        )
    }

    @Test func `does not remove what another file makes`() throws {
        let files = try Sample.files()
        var state = Sample.state(files)
        state.files["functions/a/gone.sql"] = .init(
            checksum: "", objects: ["function functions/a/one.sql()", "function a.only()"], leftObjects: []
        )
        #expect(try DeployPlan.make(files, state).orphans.map(\.identity) == ["function a.only()"])
    }

    @Test func `does not miss a row that an operator took away`() throws {
        let files = try Sample.files()
        var state = Sample.state(files)
        state.files["functions/a/one.sql"]?.objects.append("row a.t {\"name\": \"x\"}")
        #expect(try DeployPlan.make(files, state).isEmpty)
    }

    @Test func `adds checksums to what psql recorded`() throws {
        let files = try Sample.files(migrations: [1, 2])
        var state = Sample.state(files)
        state.migrations[2]?.checksum = nil
        let plan = try DeployPlan.make(files, state)
        #expect(plan.unchecked.map(\.number) == [2])
        #expect(!plan.isEmpty)
    }

    @Test func `refuses a migration whose text or name is another`() throws {
        let files = try Sample.files(migrations: [1, 2])
        var state = Sample.state(files)
        state.migrations[2]?.checksum = "another"
        let edited = #expect(throws: DeployError.self) { try DeployPlan.make(files, state) }
        #expect(edited?.code == .mismatch)
        #expect(edited?.file == "migrations/0002_b.sql")
        state.migrations[2] = .init(name: "other", checksum: nil)
        let renamed = #expect(throws: DeployError.self) { try DeployPlan.make(files, state) }
        #expect(renamed?.message.contains("0002_other") == true)
    }

    @Test func `refuses a migration before one that was taken`() throws {
        let files = try Sample.files(migrations: [1, 2, 3])
        var state = Sample.state(files)
        state.migrations[2] = nil
        let error = #expect(throws: DeployError.self) { try DeployPlan.make(files, state) }
        #expect(error?.code == .mismatch)
        #expect(error?.file == "migrations/0002_b.sql")
    }

    @Test func `goes on with a database that is ahead, unless by a breaking step`() throws {
        let state = Sample.state(try Sample.files(migrations: [1, 2]))
        let plan = try DeployPlan.make(Sample.files(), state)
        #expect(plan.notices == ["The database is ahead of these files: it has taken 0002_b."])
        let broken = Sample.state(try Sample.files(migrations: [1, 2], breaking: [2]))
        let error = #expect(throws: DeployError.self) { try DeployPlan.make(Sample.files(), broken) }
        #expect(error?.code == .ahead)
    }

    @Test func `refuses a database that was not installed to its end`() throws {
        let error = #expect(throws: DeployError.self) {
            try DeployPlan.make(Sample.files(), DeployedState(isPresent: true))
        }
        #expect(error?.code == .mismatch)
    }

    @Test func `notices schema files that no migration carries`() throws {
        let files = try Sample.files()
        var state = Sample.state(files)
        state.deployment?.schemaDigest = "another"
        #expect(try DeployPlan.make(files, state).notices.count == 1)
        #expect(try DeployPlan.make(Sample.files(migrations: [1, 2]), state).notices.isEmpty)
    }
}
