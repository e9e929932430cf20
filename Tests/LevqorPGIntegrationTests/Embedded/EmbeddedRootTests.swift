import Foundation
import Testing

@testable import LevqorPG

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// What root's server does differently. These tests need root, and are skipped for others.
@Suite("Root's cluster", .serialized, .enabled(if: Sandbox.isRoot, "needs root"))
struct EmbeddedRootTests {
    @Test("runs as an unprivileged user outside of the project, with a link to it, in a path over 100 bytes")
    func unprivileged() async throws {
        try await Sandbox.with(under: String(repeating: "long-name-", count: 11)) { sandbox in
            let cluster = sandbox.cluster()
            let endpoint = try await cluster.start()
            #expect(endpoint.dataDirectory.hasPrefix("/var/lib/levqor/"))
            #expect(
                try FileManager.default.destinationOfSymbolicLink(atPath: sandbox.directory + "/pg")
                    == endpoint.dataDirectory)
            let owner = try #require(try FileFacts.of(endpoint.dataDirectory)?.owner)
            #expect(owner != 0)
            #expect(try FileFacts.of("/proc/\(try #require(sandbox.postmaster))")?.owner == owner)
            #expect(try FileFacts.of("/var/lib/levqor")?.owner == 0)
            let home = (endpoint.dataDirectory as NSString).deletingLastPathComponent
            #expect(try FileFacts.of(home) == FileFacts(kind: .folder, owner: 0, mode: 0o755))
            // No secret of the server reaches PostgreSQL, and no descriptor of it that would keep a lock.
            let environment = try String(
                contentsOfFile: "/proc/\(try #require(sandbox.postmaster))/environ", encoding: .utf8)
            #expect(!environment.contains("HOME="))
            let open = try FileManager.default.contentsOfDirectory(
                atPath: "/proc/\(try #require(sandbox.postmaster))/fd"
            )
            .compactMap {
                try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(sandbox.postmaster ?? 0)/fd/\($0)")
            }
            #expect(!open.contains { $0.hasSuffix(".lock") })
            await cluster.stop()
        }
    }

    @Test("cannot be entered by another user, even when its socket's folder is opened to everyone")
    func strangers() async throws {
        try await Sandbox.with { sandbox in
            let endpoint = try await sandbox.cluster().start()
            let nobody = try #require(ClusterAccount.find(name: "nobody")).prefix()
            let closed = try await ask("select 1", endpoint.connectionString, prefix: nobody)
            #expect(closed.error.contains("Permission denied"))
            #expect(chmod(endpoint.socketDirectory, 0o755) == 0)
            #expect(chmod("\(endpoint.socketDirectory)/.s.PGSQL.\(endpoint.port)", 0o777) == 0)
            let opened = try await ask("select 1", endpoint.connectionString, prefix: nobody)
            #expect(opened.error.contains("Peer authentication failed"))
        }
    }

    @Test("moves with its project, and is not shared by a copy of the project or by the next one in its place")
    func movedAndCopied() async throws {
        try await Sandbox.with(under: "one") { sandbox in
            let first = sandbox.cluster()
            let data = try await first.start().dataDirectory
            await first.stop()
            let copy = sandbox.root + "/two/.levqor"
            try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(atPath: copy + "/pg", withDestinationPath: data)
            let refused = await #expect(throws: EmbeddedError.self) { try await ClusterPlace.resolve(directory: copy) }
            #expect(refused?.code == .busy)
            // With the first gone it is no copy but the moved project.
            try FileManager.default.removeItem(atPath: sandbox.directory)
            #expect(try await ClusterPlace.resolve(directory: copy).data == data)
            let next = try await ClusterPlace.resolve(directory: sandbox.directory)
            #expect(next.data != data)
            try FileManager.default.removeItem(atPath: (data as NSString).deletingLastPathComponent)
        }
    }

    @Test("is not looked for through a link that leads elsewhere")
    func foreignLink() async throws {
        try await Sandbox.with { sandbox in
            try FileManager.default.createDirectory(atPath: sandbox.directory, withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(atPath: sandbox.directory + "/pg", withDestinationPath: "/etc")
            let error = await #expect(throws: EmbeddedError.self) { try await sandbox.cluster().start() }
            #expect(error?.code == .foreignFolder)
        }
    }

    @Test("that finds the disk full says so, leaves nothing behind, and is made when there is space")
    func diskFull() async throws {
        try await Sandbox.with { sandbox in
            try await onSmallDisk { disk in try await fillAndGrow(disk, sandbox) }
        }
    }

    private func fillAndGrow(_ disk: String, _ sandbox: Sandbox) async throws {
        let error = await #expect(throws: EmbeddedError.self) {
            try await sandbox.cluster { $0.systemRoot = disk }.start()
        }
        #expect(error?.code == .diskFull, "\(error?.description ?? "")")
        let place = try await ClusterPlace.resolve(directory: sandbox.directory, systemRoot: disk)
        #expect(try FileFacts.of(place.data) == nil)
        let left = try FileManager.default.contentsOfDirectory(atPath: place.home)
        #expect(!left.contains { $0.hasPrefix(place.makingPrefix) })
        #expect(try await run("mount", ["-o", "remount,size=400m", disk]))
        let cluster = sandbox.cluster { $0.systemRoot = disk }
        #expect(try await cluster.start().weStartedIt)
        await cluster.stop()
        #expect(sandbox.postmaster == nil)
    }

    /// A disk of 20 MB for one test; where a container forbids mounting there is nothing to test.
    private func onSmallDisk(_ body: (String) async throws -> Void) async throws {
        let disk = "/var/lib/levqor-test-\(getpid())"
        #expect(mkdir(disk, 0o755) == 0)
        defer { rmdir(disk) }
        guard try await run("mount", ["-t", "tmpfs", "-o", "size=20m,mode=755", "tmpfs", disk]) else { return }
        var failure: (any Error)?
        do { try await body(disk) } catch { failure = error }
        #expect(try await run("umount", [disk]))
        if let failure { throw failure }
    }

    private func run(_ tool: String, _ arguments: [String]) async throws -> Bool {
        guard let path = BinaryFinder.tool(tool) else { return false }
        return try await Command(executable: path, arguments: arguments).run().succeeded
    }
}
