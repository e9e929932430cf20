import Testing

@testable import LevqorPG

@Suite("Statement cache")
struct PostgresStatementCacheTests {
    @Test("a name is never used twice, not even after everything was forgotten")
    func namesAreUnique() {
        var cache = PostgresStatementCache()
        var seen: Set<String> = []
        for round in 0..<600 {
            if cache.isFull { cache.removeAll() }
            let name = cache.newName()
            #expect(seen.insert(name).inserted)
            cache.insert("select \(round)", name)
            #expect(cache.name(of: "select \(round)") == name)
        }
        #expect(cache.name(of: "select 0") == nil)
    }

    @Test(
        "only a plan that was refused before it ran counts as stale",
        arguments: [
            ("26000", nil, true), ("0A000", "RevalidateCachedQuery", true), ("0A000", "transformReturnStmt", false),
            ("0A000", nil, false), ("40001", nil, false), (nil, nil, false),
        ] as [(String?, String?, Bool)]
    )
    func tellsStalePlans(sqlstate: String?, function: String?, expected: Bool) {
        var error = PostgresError(.server, "")
        error.sqlstate = sqlstate
        error.serverFunction = function
        #expect(PostgresStatementCache.isStale(error) == expected)
    }
}
