import Testing

@testable import LevqorPG

@Suite("The hub of hints", .timeLimit(.minutes(2)))
struct HintHubTests {
    /// Longer than any test.
    private static let long = Duration.seconds(3600)

    private static func show(_ wake: HintHub.Wake) -> String {
        switch wake {
        case .hint(let topic): "hint \(topic ?? "all")"
        case .time: "time"
        case .cancelled: "cancelled"
        case .shutdown: "shutdown"
        }
    }

    @Test(
        "A waiter hears of its topic, also by a star, and of no other",
        arguments: [
            "jobs/A/w", "jobs/A/*", "jobs/*/w", "jobs/*/*",
        ])
    func hears(pattern: String) async {
        let hub = HintHub()
        async let wake = hub.wait(for: [pattern], atMost: Self.long)
        await GatewayParts.until { hub.count == 1 }
        for other in ["events/A/w", "jobs/A", "jobs", "jobs/A/w/x", "*"] { hub.post(Hint(topic: other, count: 5)) }
        #expect(hub.count == 1)
        hub.post(Hint(topic: "jobs/A/w", count: 1))
        #expect(Self.show(await wake) == "hint jobs/A/w")
        #expect(hub.count == 0)
    }

    @Test("As many are woken as there is work, those that came first")
    func order() async {
        let hub = HintHub()
        let woken = Locked<[Int]>([])
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                group.addTask {
                    // Two lists, one order.
                    _ = await hub.wait(for: number % 2 == 0 ? ["t/a"] : ["t/*", "other"], atMost: Self.long)
                    woken.withLock { $0.append(number) }
                }
                await GatewayParts.until { hub.count == number + 1 }
            }
            hub.post(Hint(topic: "t/a", count: 2))
            await GatewayParts.until { woken.withLock { $0.count } == 2 }
            #expect(Set(woken.withLock { $0 }) == [0, 1])
            #expect(hub.count == 4)
            hub.post(Hint(topic: "t/a", count: 1))
            await GatewayParts.until { woken.withLock { $0.count } == 3 }
            #expect(woken.withLock { $0.last } == 2)
            hub.post(Hint(topic: "t/a", count: 1_000_000))
            await group.waitForAll()
        }
        #expect(hub.count == 0)
    }

    @Test("A wait ends with its time")
    func time() async {
        let hub = HintHub()
        #expect(Self.show(await hub.wait(for: ["t"], atMost: .milliseconds(1))) == "time")
        #expect(Self.show(await hub.wait(for: [], atMost: .zero)) == "time")
        #expect(hub.count == 0)
    }

    @Test("A cancelled waiter leaves, before it waits or while it does")
    func cancels() async {
        let hub = HintHub()
        let task = Task { await hub.wait(for: ["t"], atMost: Self.long) }
        await GatewayParts.until { hub.count == 1 }
        task.cancel()
        #expect(Self.show(await task.value) == "cancelled")
        let early = Task {
            await GatewayParts.until { Task.isCancelled }
            return await hub.wait(for: ["t"], atMost: Self.long)
        }
        early.cancel()
        #expect(Self.show(await early.value) == "cancelled")
        #expect(hub.count == 0)
        // The work goes to the one who still waits.
        async let wake = hub.wait(for: ["t"], atMost: Self.long)
        await GatewayParts.until { hub.count == 1 }
        hub.post(Hint(topic: "t", count: 1))
        #expect(Self.show(await wake) == "hint t")
    }

    @Test("A stop wakes the parked for good and leaves the loops waiting")
    func stops() async {
        let hub = HintHub()
        async let parked = hub.wait(for: ["t"], atMost: Self.long)
        async let loop = hub.wait(for: ["t", "u"], atMost: Self.long, isParked: false)
        await GatewayParts.until { hub.count == 2 }
        hub.stop()
        #expect(Self.show(await parked) == "shutdown")
        #expect(hub.count == 1)
        #expect(Self.show(await hub.wait(for: ["t"], atMost: Self.long)) == "shutdown")
        hub.post(Hint(topic: "u", count: 1))
        #expect(Self.show(await loop) == "hint u")
        async let second = hub.wait(for: ["t"], atMost: Self.long, isParked: false)
        await GatewayParts.until { hub.count == 1 }
        hub.postAll()
        #expect(Self.show(await second) == "hint all")
    }

    @Test("A hint that nobody waits for is gone")
    func gone() async {
        let hub = HintHub()
        hub.post(Hint(topic: "t", count: 3))
        #expect(Self.show(await hub.wait(for: ["t"], atMost: .milliseconds(1))) == "time")
    }

    @Test("Thousands of waiters each wake exactly once, while hints, cancels and times race")
    func race() async {
        let hub = HintHub()
        let tally = Locked<[String: Int]>([:])
        let waiters = 4000
        let tasks = (0..<waiters).map { number in
            Task {
                let time: Duration = number % 4 == 3 ? .milliseconds(number % 50) : Self.long
                let patterns = ["t/\(number % 10)", number % 3 == 0 ? "t/*" : "u/\(number)"]
                let wake = await hub.wait(for: patterns, atMost: time)
                tally.withLock { $0[String(Self.show(wake).prefix(4)), default: 0] += 1 }
            }
        }
        async let cancels: Void = {
            for number in stride(from: 0, to: waiters, by: 4) {
                tasks[number].cancel()
                await Task.yield()
            }
        }()
        async let posts: Void = {
            for number in 0..<2000 {
                hub.post(Hint(topic: "t/\(number % 10)", count: 1))
                await Task.yield()
            }
        }()
        await cancels
        await posts
        // Those that began to wait after the last hint.
        await GatewayParts.until {
            hub.postAll()
            return tally.withLock { $0.values.reduce(0, +) } == waiters
        }
        for task in tasks { await task.value }
        #expect(tally.withLock { $0.values.reduce(0, +) } == waiters)
        #expect(hub.count == 0)
    }

    @Test("A thousand hints wake a thousand waiters, none twice and none left")
    func thousand() async {
        let hub = HintHub()
        await withTaskGroup(of: String.self) { group in
            for _ in 0..<1000 { group.addTask { Self.show(await hub.wait(for: ["t/a", "t/*"], atMost: Self.long)) } }
            await GatewayParts.until { hub.count == 1000 }
            await withTaskGroup(of: Void.self) { posters in
                for _ in 0..<100 { posters.addTask { for _ in 0..<10 { hub.post(Hint(topic: "t/a", count: 1)) } } }
            }
            for await wake in group { #expect(wake == "hint t/a") }
        }
        #expect(hub.count == 0)
    }
}
