import Testing

@testable import LevqorPG

@Suite("Interruptions", .timeLimit(.minutes(2)))
struct PostgresInterruptionTests {
    @Test("a deadline cancels the statement, and the connection serves the next")
    func keepsDeadlines() async throws {
        let connection = try await PostgresTestDatabase.connect()
        for _ in 0..<10 {
            let error = try await postgresError {
                try await connection.query("select pg_sleep(600)", deadline: .milliseconds(20))
            }
            #expect(error.code == .deadlineExceeded)
            #expect(error.sqlstate == "57014")
            #expect(!error.isOutcomeUnknown)
            // Had the cancel request come late, it would hit this one.
            #expect(try await connection.query("select pg_sleep(0.001), 7").first?.int(1) == 7)
        }
        #expect(await connection.isUsable)
    }

    @Test("a deadline that has passed before the server begins is kept too")
    func keepsDeadlinesOfNoLength() async throws {
        let connection = try await PostgresTestDatabase.connect()
        for _ in 0..<50 {
            let error = try await postgresError {
                try await connection.query("select pg_sleep(600)", deadline: .zero)
            }
            #expect(error.code == .deadlineExceeded)
            #expect(try await connection.query("select 1").count == 1)
        }
    }

    @Test("a statement that ignores the cancel request loses its connection after the grace period")
    func closesTheDeaf() async throws {
        var configuration = try PostgresTestDatabase.configuration()
        configuration.cancelGrace = .milliseconds(200)
        let connection = try await PostgresConnection.connect(configuration, logger: PostgresTestDatabase.logger)
        let error = try await postgresError {
            try await connection.script(
                """
                do $$ begin
                    loop
                        begin
                            perform pg_sleep(600);
                        exception when query_canceled then null;
                        end;
                    end loop;
                end $$
                """,
                // Long enough to reach the loop also on a busy machine: before it, a cancel is obeyed.
                deadline: .seconds(2)
            )
        }
        try await PostgresTestDatabase.terminate(connection.backendPID)
        #expect(error.code == .deadlineExceeded)
        #expect(error.isOutcomeUnknown)
        #expect(await !connection.isUsable)
    }

    @Test("a deadline also ends a result that keeps flowing")
    func endsEndlessResults() async throws {
        let connection = try await PostgresTestDatabase.connect()
        let error = try await postgresError {
            try await connection.query(
                "select repeat('x', 100), pg_sleep(0.001) from generate_series(1, 100000000)",
                deadline: .milliseconds(300)
            )
        }
        #expect(error.code == .deadlineExceeded)
        #expect(try await connection.query("select 1").count == 1)
    }

    @Test("cancelling the task cancels the statement, and the connection serves the next")
    func isCancellable() async throws {
        let connection = try await PostgresTestDatabase.connect()
        let task = Task { try await connection.query("select pg_sleep(600)") }
        try await PostgresTestDatabase.untilSleeping(connection.backendPID)
        task.cancel()
        let error = try await postgresError { try await task.value }
        #expect(error.code == .cancelled)
        #expect(error.sqlstate == "57014")
        #expect(try await connection.query("select 1").count == 1)
    }

    @Test("a cancelled task sends nothing")
    func sendsNothingWhenCancelled() async throws {
        let connection = try await PostgresTestDatabase.connect()
        try await connection.script("create temp table sent (n int)")
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await connection.query("insert into sent values (1)")
        }
        let error = try await postgresError { try await task.value }
        #expect(error.code == .cancelled)
        #expect(try await connection.query("select count(*) from sent").first?.int(0) == 0)
    }

    @Test("a statement that is not cancellable runs to its end")
    func runsOnWhenNotCancellable() async throws {
        let key = Int.random(in: 1 ... .max)
        let holder = try await PostgresTestDatabase.connect()
        try await holder.query("select pg_advisory_lock($1)", [.int(key)])
        let connection = try await PostgresTestDatabase.connect()
        let task = Task {
            try await connection.query("select pg_advisory_lock($1), 5", [.int(key)], cancellable: false)
        }
        try await PostgresTestDatabase.until(
            "select exists (select from pg_stat_activity where pid = $1::int and wait_event_type = 'Lock')",
            [.int(Int(connection.backendPID))]
        )
        task.cancel()
        try await holder.query("select pg_advisory_unlock($1)", [.int(key)])
        #expect(try await task.value.first?.int(1) == 5)
    }

    @Test("cancelling at every moment of many statements leaves every connection whole")
    func survivesRaces() async throws {
        let connection = try await PostgresTestDatabase.connect()
        for round in 0..<200 {
            let task = Task { try await connection.queryPrepared("select \(round % 7), pg_sleep(0.0005)") }
            if round % 2 == 0 { await Task.yield() }
            if round % 3 == 0 { _ = await connection.isUsable }
            task.cancel()
            do {
                #expect(try await task.value.first?.int(0) == round % 7)
            } catch let error as PostgresError {
                #expect(error.code == .cancelled)
            }
            #expect(try await connection.query("select $1::int", [.int(round)]).first?.int(0) == round)
        }
    }

    @Test("a terminated server process is a lost connection with an unknown outcome, in the server's words")
    func reportsTermination() async throws {
        let connection = try await PostgresTestDatabase.connect()
        let task = Task { try await connection.query("select pg_sleep(600), $1::text", [.text("secret")]) }
        try await PostgresTestDatabase.untilSleeping(connection.backendPID)
        try await PostgresTestDatabase.terminate(connection.backendPID)
        let error = try await postgresError { try await task.value }
        #expect(error.code == .connectionLost)
        #expect(error.sqlstate == "57P01")
        #expect(error.isOutcomeUnknown)
        #expect(!String(reflecting: error).contains("secret"))
        #expect(await !connection.isUsable)
        let next = try await postgresError { try await connection.query("select 1") }
        #expect(next.code == .connectionLost)
        #expect(!next.isOutcomeUnknown)
    }
}
