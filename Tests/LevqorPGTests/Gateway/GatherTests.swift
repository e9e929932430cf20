import Testing

@testable import LevqorPG

@Suite("Gathering", .timeLimit(.minutes(1)))
struct GatherTests {
    private static let answer = GatewayReply(answer: .stale, hints: [])

    private static func answerAll(_ batch: [Gather.Pending]) {
        for pending in batch { pending.reply(.success(answer)) }
    }

    private static func reason(_ result: Result<GatewayReply, GatewayFailure>) -> String? {
        if case .failure(.unavailable(let reason)) = result { reason } else { nil }
    }

    @Test("A waiting worker gets a call at once, alone")
    func alone() async throws {
        let gather = Gather(name: "test")
        async let batch = gather.next()
        let call = try GatewayParts.call("only")
        async let reply = gather.submit(call)
        let taken = await batch
        #expect(taken.map(\.call.requestID) == ["only"])
        Self.answerAll(taken)
        #expect(Self.reason(await reply) == nil)
    }

    @Test("Calls that wait go together, in the order in which they came, up to the bound in calls")
    func callBound() async throws {
        let gather = Gather(name: "test", mostCalls: 3)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<7 {
                let call = try GatewayParts.call("\(number)")
                group.addTask { _ = await gather.submit(call) }
                await GatewayParts.until { gather.load.pending == number + 1 }
            }
            var batches: [[String]] = []
            for _ in 0..<3 {
                let batch = await gather.next()
                batches.append(batch.map(\.call.requestID))
                Self.answerAll(batch)
            }
            #expect(batches == [["0", "1", "2"], ["3", "4", "5"], ["6"]])
        }
        #expect(gather.load.pending == 0)
    }

    @Test("A batch stays within its bytes; one call above the bound goes alone")
    func byteBound() async throws {
        let gather = Gather(name: "test", mostBytes: 2000)
        let sizes = [600, 600, 600, 5000, 100]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, size) in sizes.enumerated() {
                let call = try GatewayParts.call("\(number)", bytes: size)
                group.addTask { _ = await gather.submit(call) }
                await GatewayParts.until { gather.load.pending == number + 1 }
            }
            var batches: [[String]] = []
            while gather.load.pending > 0 {
                let batch = await gather.next()
                batches.append(batch.map(\.call.requestID))
                Self.answerAll(batch)
            }
            #expect(batches == [["0", "1"], ["2"], ["3"], ["4"]])
        }
    }

    @Test("More calls than may wait are refused at once, and the others are still served")
    func full() async throws {
        let gather = Gather(name: "test", mostPending: 2)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<2 {
                let call = try GatewayParts.call("\(number)")
                group.addTask { #expect(Self.reason(await gather.submit(call)) == nil) }
                await GatewayParts.until { gather.load.pending == number + 1 }
            }
            #expect(Self.reason(await gather.submit(try GatewayParts.call("late"))) == "too many calls are waiting")
            Self.answerAll(await gather.next())
        }
    }

    @Test("Old calls are answered while nobody has a connection, and only then")
    func expires() async throws {
        let gather = Gather(name: "test")
        async let reply = gather.submit(try GatewayParts.call("old"))
        await GatewayParts.until { gather.load.pending == 1 }
        gather.noteConnection(true)
        gather.expire(olderThan: .zero)
        #expect(gather.load.pending == 1)
        gather.noteConnection(false)
        gather.expire(olderThan: .seconds(3600))
        #expect(gather.load.pending == 1)
        gather.expire(olderThan: .zero)
        #expect(Self.reason(try await reply) == "the database does not answer")
        #expect(gather.load == (0, 0))
    }

    @Test("A closed gather takes no more calls, serves those that wait, and then lets its workers go")
    func closes() async throws {
        let gather = Gather(name: "test")
        async let waiting = gather.submit(try GatewayParts.call("before"))
        await GatewayParts.until { gather.load.pending == 1 }
        gather.close()
        #expect(Self.reason(await gather.submit(try GatewayParts.call("after"))) == "the server is stopping")
        #expect(!gather.isFinished)
        let batch = await gather.next()
        #expect(batch.map(\.call.requestID) == ["before"])
        Self.answerAll(batch)
        #expect(Self.reason(try await waiting) == nil)
        #expect(gather.isFinished)
        #expect(await gather.next().isEmpty)
    }

    @Test("Idle workers are let go when it closes")
    func closesIdle() async {
        let gather = Gather(name: "test")
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 { group.addTask { await gather.next().count } }
            group.addTask {
                gather.close()
                return 0
            }
            for await count in group { #expect(count == 0) }
        }
    }

    @Test("Calls that nobody will serve are answered when it is abandoned")
    func abandons() async throws {
        let gather = Gather(name: "test")
        async let first = gather.submit(try GatewayParts.call("1"))
        async let second = gather.submit(try GatewayParts.call("2"))
        await GatewayParts.until { gather.load.pending == 2 }
        gather.abandon()
        #expect(Self.reason(try await first) == "the server is stopping")
        #expect(Self.reason(try await second) == "the server is stopping")
        gather.abandon()
    }

    @Test("A batch that was put back goes first, to whoever is free")
    func putsBack() async throws {
        let gather = Gather(name: "test", mostCalls: 2)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                let call = try GatewayParts.call("\(number)")
                group.addTask { _ = await gather.submit(call) }
                await GatewayParts.until { gather.load.pending == number + 1 }
            }
            gather.putBack(await gather.next())
            for expected in [["0", "1"], ["2", "3"]] {
                let batch = await gather.next()
                #expect(batch.map(\.call.requestID) == expected)
                Self.answerAll(batch)
            }
        }
        // And to a worker that waits already.
        async let reply = gather.submit(try GatewayParts.call("again"))
        let batch = await gather.next()
        async let idle = gather.next()
        gather.putBack(batch)
        let taken = await idle
        #expect(taken.map(\.call.requestID) == ["again"])
        Self.answerAll(taken)
        #expect(Self.reason(try await reply) == nil)
    }

    @Test("No call is lost or served twice under a thousand at once, with workers that come and go")
    func thousand() async throws {
        let gather = Gather(name: "test", mostCalls: 48, mostPending: 100_000)
        let served = Locked<[String: Int]>([:])
        let largest = Locked(0)
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    var turn = 0
                    while true {
                        let batch = await gather.next()
                        if batch.isEmpty { return }
                        turn += 1
                        largest.withLock { $0 = max($0, batch.count) }
                        // As a worker does whose connection was found dead.
                        if (turn + worker) % 7 == 0 {
                            gather.putBack(batch)
                            continue
                        }
                        served.withLock { served in
                            for pending in batch { served[pending.call.requestID, default: 0] += 1 }
                        }
                        await Task.yield()
                        Self.answerAll(batch)
                    }
                }
            }
            await withTaskGroup(of: Bool.self) { callers in
                for caller in 0..<1000 {
                    callers.addTask {
                        for turn in 0..<5 {
                            guard let call = try? GatewayParts.call("\(caller)-\(turn)") else { return false }
                            if Self.reason(await gather.submit(call)) != nil { return false }
                        }
                        return true
                    }
                }
                for await isFine in callers { #expect(isFine) }
            }
            gather.close()
        }
        #expect(served.withLock { $0.count } == 5000)
        #expect(served.withLock { $0.values.allSatisfy { $0 == 1 } })
        #expect((1...48).contains(largest.withLock { $0 }))
    }
}
