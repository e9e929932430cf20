import Testing

@testable import LevqorPG

@Suite("Listener", .timeLimit(.minutes(2)))
struct PostgresListenerTests {
    private func makeListener(
        _ configuration: PostgresConfiguration,
        _ channels: [String],
        heartbeat: Duration = .seconds(30)
    ) -> PostgresListener {
        PostgresListener(
            configuration: configuration,
            channels: channels,
            heartbeat: heartbeat,
            logger: PostgresTestDatabase.logger,
            backoff: Backoff(initial: .milliseconds(5), maximum: .milliseconds(50))
        )
    }

    @Test("it hears its channels, comes back after its process was terminated, and says so each time")
    func reconnects() async throws {
        let name = PostgresTestDatabase.uniqueName()
        let channel = name + " \"Quoted\""
        let listener = makeListener(try PostgresTestDatabase.configuration(name), [channel])
        let (events, continuation) = AsyncStream.makeStream(of: PostgresListenerEvent.self)
        let running = Task { try await listener.run { continuation.yield($0) } }
        defer { running.cancel() }
        let notifier = try await PostgresTestDatabase.connect()
        var heard = events.makeAsyncIterator()
        for round in 0..<3 {
            var event = await heard.next()
            // A reconnect may take more than one attempt.
            while case .disconnected = event, round > 0 { event = await heard.next() }
            guard case .connected = event else {
                Issue.record("not connected in round \(round)")
                return
            }
            try await notifier.query("select pg_notify($1, $2)", [.text(channel), .text("ü \(round)")])
            guard case .notification(channel, "ü \(round)", notifier.backendPID) = await heard.next() else {
                Issue.record("not notified in round \(round)")
                return
            }
            try await notifier.query(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1", [.text(name)])
            guard case .disconnected(let error) = await heard.next() else {
                Issue.record("no word of the loss in round \(round)")
                return
            }
            #expect(error.code == .connectionLost)
        }
        running.cancel()
        try await running.value
    }

    @Test("silence makes it prove that it is alive, and the proof is not told to anyone")
    func beats() async throws {
        let name = PostgresTestDatabase.uniqueName()
        let listener = makeListener(
            try PostgresTestDatabase.configuration(name), [name], heartbeat: .milliseconds(30))
        let (events, continuation) = AsyncStream.makeStream(of: PostgresListenerEvent.self)
        let running = Task { try await listener.run { continuation.yield($0) } }
        defer { running.cancel() }
        var heard = events.makeAsyncIterator()
        guard case .connected = await heard.next() else {
            Issue.record("not connected")
            return
        }
        let observer = try await PostgresTestDatabase.connect()
        for _ in 0..<3 {
            let seen = try #require(try await observer.query("select clock_timestamp()").first?.string(0))
            try await PostgresTestDatabase.until(
                """
                select exists (select from pg_stat_activity where application_name = $1
                    and query like '%pg_notify%' and query_start > $2::timestamptz)
                """,
                [.text(name), .text(seen)]
            )
        }
        // The first thing to be heard after three beats is this one.
        try await observer.query("select pg_notify($1, 'end')", [.text(name)])
        guard case .notification(name, "end", observer.backendPID) = await heard.next() else {
            Issue.record("something else was told")
            return
        }
        running.cancel()
        try await running.value
    }

    @Test("a connection string that can never work ends it")
    func refusesBrokenStrings() async throws {
        let listener = makeListener(PostgresConfiguration("postgres//x"), ["x"])
        #expect(try await postgresError { try await listener.run { _ in } }.code == .invalidConfiguration)
    }

    @Test("a server that is away is told and tried again, until the task is cancelled")
    func keepsTrying() async throws {
        let listener = makeListener(PostgresConfiguration("postgresql://app@127.0.0.1:1/nowhere"), ["x"])
        let (events, continuation) = AsyncStream.makeStream(of: PostgresListenerEvent.self)
        let running = Task { try await listener.run { continuation.yield($0) } }
        var heard = events.makeAsyncIterator()
        for _ in 0..<5 {
            guard case .disconnected(let error) = await heard.next() else {
                Issue.record("expected a failed attempt")
                break
            }
            #expect(error.code == .connectionFailed)
        }
        running.cancel()
        try await running.value
    }
}
