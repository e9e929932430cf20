import Foundation
import Testing

@testable import LevqorPG

@Suite("A command and its processes", .timeLimit(.minutes(2)))
struct WorkProcessTests {
    private let warden = ProcessWarden()

    private func start(
        _ script: String, input: [UInt8] = [], note: @escaping @Sendable ([UInt8]) -> Void = { _ in }
    ) throws -> WorkProcess {
        try WorkProcess(
            ["/bin/sh", "-c", script], environment: ["PATH": "/usr/bin:/bin"], input: input, warden: warden, note: note)
    }

    private func isAlive(_ pid: some StringProtocol) -> Bool {
        let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        // A zombie that init has not reaped yet works on nothing.
        return stat.map { !$0.contains(") Z ") } ?? false
    }

    @Test("Input, output, errors, notes and status all come through, however much there is")
    func streams() async throws {
        let notes = Locked<[UInt8]>([])
        let process = try start(
            "cat; echo problem >&2; echo note >&3; exit 7",
            input: [UInt8](repeating: UInt8(ascii: "x"), count: 150_000),
            note: { bytes in notes.withLock { $0 += bytes } })
        let ending = await process.run()
        #expect(ending.status == 7)
        #expect(ending.output.count == 150_000 && !ending.isOutputCut)
        #expect(String(decoding: ending.errorTail, as: UTF8.self) == "problem\n")
        #expect(notes.withLock { String(decoding: $0, as: UTF8.self) } == "note\n")
    }

    @Test("A command that reads nothing and closes everything still ends")
    func closed() async throws {
        let process = try start("exec <&- >&- 2>&- 3>&-; exit 0", input: [UInt8](repeating: 1, count: 1_000_000))
        let ending = await process.run()
        #expect(ending.status == 0 && ending.output.isEmpty)
    }

    @Test("Of output that is too long only as much is kept as a result may be")
    func cut() async throws {
        let ending = await (try start("head -c 1000000 /dev/zero")).run()
        #expect(ending.output.count == 204_800 && ending.isOutputCut && ending.status == 0)
    }

    @Test("What a command leaves in the background ends with it")
    func leftover() async throws {
        let ending = await (try start("sleep 600 & echo $!")).run()
        let pid = String(decoding: ending.output, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(ending.status == 0 && !pid.isEmpty && !isAlive(pid))
    }

    @Test("A signal reaches the whole group, is the status, and after the end reaches nobody")
    func signals() async throws {
        let (started, tell) = AsyncStream.makeStream(of: [UInt8].self)
        let process = try start("sh -c 'echo $$ >&3; sleep 600; :' & wait", note: { tell.yield($0) })
        async let running = process.run()
        var told = started.makeAsyncIterator()
        let child = String(decoding: await told.next() ?? [], as: UTF8.self)
            .trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(isAlive(child))
        #expect(process.signal(SIGTERM))
        #expect(await running.status == 128 + SIGTERM)
        #expect(!isAlive(child))
        #expect(!process.signal(SIGTERM))
    }

    @Test("A command begins only when it is let in, so that none runs that is not watched over")
    func gate() async throws {
        let process = try start("echo begun >&3; exit 3", note: { _ in Issue.record("it began") })
        #expect(process.signal(SIGKILL))
        #expect(await process.run().status == 128 + SIGKILL)
    }

    @Test("A program that is none fails with the shell's own status")
    func missing() async throws {
        let process = try WorkProcess(
            ["/no/such/program"], environment: [:], input: [], warden: warden, note: { _ in })
        #expect(await process.run().status == 127)
    }

    @Test("When the worker's end of the pipe goes, the warden kills what still runs, even a warden made anew")
    func orphans() async throws {
        let (started, tell) = AsyncStream.makeStream(of: [UInt8].self)
        let process = try start("echo begun >&3; sleep 600; exit 0", note: { tell.yield($0) })
        async let running = process.run()
        var told = started.makeAsyncIterator()
        #expect(await told.next() != nil)
        warden.close()
        #expect(await running.status == 128 + SIGKILL)
        let second = try start("exit 4")
        #expect(await second.run().status == 4)
    }

    @Test("Commands side by side do not hold each other's pipes open")
    func sideBySide() async throws {
        await withTaskGroup(of: Int32?.self) { group in
            for number in 0..<20 {
                group.addTask {
                    // Each reads to the end of its input: a write end that leaked into a neighbour would keep it waiting.
                    let process = try? self.start("cat > /dev/null; exit \(number)", input: [1, 2, 3])
                    return await process?.run().status
                }
            }
            var statuses: [Int32] = []
            for await status in group { statuses.append(status ?? -1) }
            #expect(statuses.sorted() == Array(0..<20))
        }
    }
}
