import Testing

@testable import LevqorPG

@Suite("Connections beyond the number of processors", .timeLimit(.minutes(1)))
struct GatherPatienceTests {
    @Test("With enough batches in flight a call waits for one of them, and for no more than a moment")
    func waits() async throws {
        let gather = Gather(name: "test", eager: 1)
        async let first = gather.submit(try GatewayParts.call("1"))
        let taken = await gather.next()
        async let idle = gather.next()
        async let second = gather.submit(try GatewayParts.call("2"))
        // The first batch stays in flight: the moment passes, and the idle one gets the call.
        let late = await idle
        #expect(late.map(\.call.requestID) == ["2"])
        #expect(late.allSatisfy { $0.enqueuedAt.duration(to: .now) >= .milliseconds(50) })
        for pending in taken + late { pending.reply(.failure(.outcomeUnknown)) }
        _ = try await (first, second)
    }

    @Test("A batch that comes back takes at once what has gathered")
    func comesBack() async throws {
        let gather = Gather(name: "test", eager: 1)
        async let first = gather.submit(try GatewayParts.call("1"))
        let taken = await gather.next()
        async let second = gather.submit(try GatewayParts.call("2"))
        await GatewayParts.until { gather.load.pending == 1 }
        gather.noteDone()
        let next = await gather.next()
        #expect(next.map(\.call.requestID) == ["2"])
        for pending in taken + next { pending.reply(.failure(.outcomeUnknown)) }
        _ = try await (first, second)
    }
}
