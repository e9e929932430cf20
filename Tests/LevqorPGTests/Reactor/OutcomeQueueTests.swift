import Testing

@testable import LevqorPG

@Suite("Reports of transfers", .timeLimit(.minutes(1)))
struct OutcomeQueueTests {
    @Test("Reports gather, and are given once")
    func gathers() async {
        let queue = OutcomeQueue()
        for _ in 0..<3 { queue.begin() }
        #expect(queue.inFlight == 3)
        #expect(!queue.finish(.int(1)))
        #expect(!queue.finish(.int(2)))
        #expect(await queue.next()?.map(JSONText.string) == ["1", "2"])
        async let last = queue.next()
        #expect(!queue.finish(.int(3)))
        #expect(await last?.map(JSONText.string) == ["3"])
    }

    @Test("A stop with nothing under way ends the wait at once")
    func stopsIdle() async {
        let queue = OutcomeQueue()
        let waiting = Task { await queue.next() == nil }
        for _ in 0..<100 { await Task.yield() }
        queue.stop()
        #expect(await waiting.value)
        #expect(queue.isStopped)
    }

    @Test("A stop lets what is under way be reported, and then ends")
    func stopsBusy() async {
        let queue = OutcomeQueue()
        queue.begin()
        queue.stop()
        async let reports = queue.next()
        #expect(!queue.finish(.int(1)))
        #expect(await reports?.count == 1)
        #expect(await queue.next() == nil)
    }

    @Test("A cancelled wait ends, whatever is under way")
    func cancels() async {
        let queue = OutcomeQueue()
        queue.begin()
        let waiting = Task { await queue.next() == nil }
        for _ in 0..<100 { await Task.yield() }
        waiting.cancel()
        #expect(await waiting.value)
    }

    @Test("Who found it full is told when there is room again, once")
    func full() {
        let queue = OutcomeQueue()
        for _ in 0..<4 { queue.begin() }
        #expect(!queue.noteFull(5))
        #expect(!queue.finish(.null))
        #expect(queue.noteFull(2))
        #expect(!queue.finish(.null))
        #expect(queue.finish(.null))
        #expect(!queue.finish(.null))
    }

    @Test("Of thousands of transfers at once no report is lost")
    func many() async {
        let queue = OutcomeQueue()
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<2000 { queue.begin() }
            group.addTask {
                var count = 0
                while let reports = await queue.next() { count += reports.count }
                return count
            }
            for number in 0..<2000 {
                group.addTask {
                    _ = queue.finish(.int(number))
                    return 0
                }
            }
            queue.stop()
            var total = 0
            for await count in group { total += count }
            #expect(total == 2000)
        }
    }
}
