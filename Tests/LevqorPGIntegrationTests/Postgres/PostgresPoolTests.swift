import Testing

@testable import LevqorPG

@Suite("Pool", .timeLimit(.minutes(3)))
struct PostgresPoolTests {
    /// Runs `body` beside a running pool.
    private func withPool(
        size: Int,
        _ configuration: PostgresConfiguration? = nil,
        _ body: (PostgresPool) async throws -> Void
    ) async throws {
        let pool = PostgresPool(
            configuration: try configuration ?? PostgresTestDatabase.configuration(),
            size: size,
            logger: PostgresTestDatabase.logger,
            backoff: Backoff(initial: .milliseconds(5), maximum: .milliseconds(50))
        )
        let running = Task { try await pool.run() }
        do {
            try await body(pool)
        } catch {
            running.cancel()
            throw error
        }
        running.cancel()
        try await running.value
        #expect(pool.statistics.open == 0)
        #expect(pool.statistics.waiting == 0)
    }

    @Test("a thousand borrowers at once share four connections, each of which serves one at a time")
    func servesAThousand() async throws {
        try await withPool(size: 4) { pool in
            let lent = Gauge()
            let pids = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<1000 {
                    group.addTask {
                        try await pool.withConnection(deadline: .seconds(300)) { connection in
                            lent.rise()
                            defer { lent.fall() }
                            let row = try await connection.queryPrepared(
                                "select pg_backend_pid(), $1::int", [.int(number)]
                            ).first
                            #expect(row?.int(1) == number)
                            return row?.int(0) ?? 0
                        }
                    }
                }
                return try await group.reduce(into: Set<Int>()) { $0.insert($1) }
            }
            #expect(pids.count <= 4)
            #expect(lent.most <= 4)
            #expect(pool.statistics.waiting == 0)
        }
    }

    @Test("a connection that broke while lent is replaced")
    func replacesBrokenConnections() async throws {
        try await withPool(size: 1) { pool in
            let first = try await pool.withConnection { $0.backendPID }
            let error = try await postgresError {
                try await pool.withConnection { try await $0.query("select pg_terminate_backend(pg_backend_pid())") }
            }
            #expect(error.code == .connectionLost)
            let second = try await pool.withConnection { $0.backendPID }
            #expect(first != second)
            #expect(pool.statistics.lost == 1)
        }
    }

    @Test("connections that broke while idle cost no borrower anything")
    func findsIdleOnesThatBroke() async throws {
        let name = PostgresTestDatabase.uniqueName()
        try await withPool(size: 3, PostgresTestDatabase.configuration(name)) { pool in
            try await PostgresTestDatabase.until(
                "select count(*) = 3 from pg_stat_activity where application_name = $1", [.text(name)])
            let before = try await pool.withConnection { $0.backendPID }
            let observer = try await PostgresTestDatabase.connect()
            try await observer.query(
                "select pg_terminate_backend(pid, 20000) from pg_stat_activity where application_name = $1",
                [.text(name)])
            for _ in 0..<10 {
                let after = try await pool.withConnection {
                    try await $0.query("select 1"); return $0.backendPID
                }
                #expect(after != before)
            }
        }
    }

    @Test("a transaction left open is rolled back, a failed one too")
    func rollsBack() async throws {
        try await withPool(size: 1) { pool in
            let pid = try await pool.withConnection { connection in
                try await connection.script("create temp table kept (n int)")
                return connection.backendPID
            }
            try await pool.withConnection { connection in
                try await connection.script("begin; insert into kept values (1)")
            }
            _ = try await postgresError {
                try await pool.withConnection { connection in
                    try await connection.query("begin")
                    try await connection.query("insert into kept values (2)")
                    try await connection.query("select 1 / 0")
                }
            }
            let row = try await pool.withConnection {
                try await $0.query("select count(*), pg_backend_pid() from kept").first
            }
            #expect(row?.int(0) == 0)
            #expect(row?.int(1) == Int(pid))
        }
    }

    @Test("who waits too long gets a timeout, who is cancelled leaves the queue, and both leave the pool whole")
    func boundsWaiting() async throws {
        try await withPool(size: 1) { pool in
            try await pool.withConnection { _ in
                for deadline in [Duration.zero, .milliseconds(20)] {
                    let late = try await postgresError { try await pool.withConnection(deadline: deadline) { _ in } }
                    #expect(late.code == .poolTimeout)
                }
                let waiting = Task { try await pool.withConnection(deadline: .seconds(600)) { _ in } }
                while pool.statistics.waiting == 0 { await Task.yield() }
                waiting.cancel()
                let error = try await postgresError { try await waiting.value }
                #expect(error.code == .cancelled)
                #expect(pool.statistics.waiting == 0)
            }
            #expect(try await pool.withConnection { try await $0.query("select 1").count } == 1)
        }
    }

    @Test("a pool that cannot connect says why, keeps trying, and closes at once")
    func reportsWhyItCannotConnect() async throws {
        let pool = PostgresPool(
            configuration: PostgresConfiguration("postgresql://app:hunter2secret@127.0.0.1:1/nowhere"),
            size: 2,
            logger: PostgresTestDatabase.logger,
            backoff: Backoff(initial: .milliseconds(1), maximum: .milliseconds(2))
        )
        let running = Task { try await pool.run() }
        while pool.statistics.connectFailures < 10 { await Task.yield() }
        let late = try await postgresError { try await pool.withConnection(deadline: .milliseconds(50)) { _ in } }
        #expect(late.code == .poolTimeout)
        #expect(late.message.contains("127.0.0.1"))
        #expect(!String(reflecting: late).contains("hunter2secret"))
        let waiting = Task { try await pool.withConnection(deadline: .seconds(600)) { _ in } }
        while pool.statistics.waiting == 0 { await Task.yield() }
        running.cancel()
        try await running.value
        #expect(try await postgresError { try await waiting.value }.code == .poolClosed)
        #expect(try await postgresError { try await pool.withConnection { _ in } }.code == .poolClosed)
    }
}

/// How many there are, and how many there were at most.
private final class Gauge: Sendable {
    private let level = Locked((now: 0, most: 0))

    var most: Int { level.withLock(\.most) }

    func rise() { level.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
    func fall() { level.withLock { $0.now -= 1 } }
}
