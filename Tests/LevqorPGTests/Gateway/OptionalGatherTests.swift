import Testing

@testable import LevqorPG

@Suite("A gather whose calls can go elsewhere", .timeLimit(.minutes(1)))
struct OptionalGatherTests {
    private static func isUnavailable(_ result: Result<GatewayReply, GatewayFailure>) -> Bool {
        if case .failure(.unavailable) = result { true } else { false }
    }

    @Test("Takes no call without a connection, and gives back what nobody serves though there is one")
    func givesBack() async throws {
        let gather = Gather(name: "test", isOptional: true)
        #expect(Self.isUnavailable(await gather.submit(try GatewayParts.call())))
        gather.noteConnection(true)
        async let waiting = gather.submit(try GatewayParts.call())
        await GatewayParts.until { gather.load.pending == 1 }
        gather.expire(olderThan: .seconds(3600))
        #expect(gather.load.pending == 1)
        gather.expire(olderThan: .zero)
        #expect(Self.isUnavailable(try await waiting))
    }

    @Test("A call whose route has a statement of its own is not batched with others")
    func alone() async throws {
        let gather = Gather(name: "test", isOptional: true)
        gather.noteConnection(true)
        let answers = Locked(0)
        for lane in [Route.Lane.gathered, .gathered, .alone, .alone, .gathered] {
            var call = try GatewayParts.call()
            call.route = try GatewayParts.route(lane: lane)
            _ = gather.submit(call) { _ in answers.withLock { $0 += 1 } }
        }
        var sizes: [Int] = []
        while gather.load.pending > 0 {
            let batch = await gather.next()
            sizes.append(batch.count)
            for pending in batch { pending.reply(.failure(.outcomeUnknown)) }
        }
        #expect(sizes == [2, 1, 1, 1])
        #expect(answers.withLock { $0 } == 5)
    }
}
