#if compiler(>=6.3)
import Foundation
import Testing

@testable import LevqorPG

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Servers in processes of their own: killed ones, and those of an ordinary user.
///
/// Each child process is this test program; it changes to the user after it was loaded, so that the folder of the
/// build need not be open to that user.
@Suite("A server in a process of its own", .serialized)
struct EmbeddedUserTests {
    static let needsRoot: Comment = "changing to an ordinary user needs root"

    @Test("that is killed with SIGKILL leaves a cluster that the next server adopts, and stops as the last one")
    func killedStarter() async throws {
        try await Sandbox.with { sandbox in
            await #expect(processExitsWith: .signal(SIGKILL)) { [directory = sandbox.directory as String] in
                _ = try await Sandbox.cluster(directory).start()
                kill(getpid(), SIGKILL)
            }
            let postmaster = try #require(sandbox.postmaster)
            let next = sandbox.cluster()
            #expect(try await !next.start().weStartedIt)
            #expect(sandbox.postmaster == postmaster)
            await next.stop()
            #expect(sandbox.postmaster == nil)
        }
    }

    @Test("that is killed while initdb works leaves nothing that keeps the next server from a whole cluster")
    func killedMaker() async throws {
        try await Sandbox.with { sandbox in
            let place = try await ClusterPlace.resolve(directory: sandbox.directory)
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [directory = sandbox.directory as String, place = place.home as String] in
                Task { try await Sandbox.cluster(directory).start() }
                try await eventually("initdb works") {
                    try FileManager.default.subpathsOfDirectory(atPath: place).contains { $0.hasSuffix("/PG_VERSION") }
                }
                kill(getpid(), SIGKILL)
            }
            let cluster = sandbox.cluster()
            let url = try await cluster.start().connectionString
            #expect(try await ask("select current_database()", url).out == "levqor")
            await cluster.stop()
        }
    }

    @Test(
        "of an ordinary user with a home of mode 0700 keeps everything in the home",
        .enabled(if: Sandbox.isRoot, needsRoot))
    func ordinaryHome() async throws {
        try await asUser(project: "project") { sandbox, user in
            let directory = sandbox.directory
            await #expect(processExitsWith: .success) { [directory = directory as String, user = user as uid_t] in
                try becomeUser(user)
                let cluster = Sandbox.cluster(directory)
                let endpoint = try await cluster.start()
                try #require(endpoint.dataDirectory == directory + "/pg")
                try #require(endpoint.socketDirectory == directory + "/run")
                let answer = try await ask(
                    "select current_user || ' ' || current_database()", endpoint.connectionString)
                try #require(answer.out == "postgres levqor", "\(answer.text)")
                await cluster.stop()
                try #require(PostmasterFile.read(dataFolder: directory + "/pg") == nil)
            }
            // Root in the same folder runs it as its owner, and gives it back usable.
            let cluster = sandbox.cluster()
            let endpoint = try await cluster.start()
            #expect(try await ask("select 1", endpoint.connectionString).out == "1")
            #expect(try FileFacts.of("/proc/\(try #require(sandbox.postmaster))")?.owner == user)
            await #expect(processExitsWith: .success) { [directory = directory as String, user = user as uid_t] in
                try becomeUser(user)
                let cluster = Sandbox.cluster(directory)
                try #require(try await !cluster.start().weStartedIt)
                await cluster.stop()
            }
            #expect(sandbox.postmaster != nil)
            await cluster.stop()
            #expect(sandbox.postmaster == nil)
        }
    }

    @Test(
        "of an ordinary user works in a path over 100 bytes, and in one full of characters that shells love",
        .enabled(if: Sandbox.isRoot, needsRoot),
        arguments: [String(repeating: "long-name-", count: 11), #"a, "b" $(touch c) 'd' `e` \f é"#]
    )
    func oddPaths(project: String) async throws {
        try await asUser(project: project) { sandbox, user in
            await #expect(processExitsWith: .success) {
                [directory = sandbox.directory as String, user = user as uid_t] in
                try becomeUser(user)
                let cluster = Sandbox.cluster(directory)
                let endpoint = try await cluster.start()
                try #require(endpoint.socketDirectory.hasPrefix("/tmp/levqor-\(user)-"))
                try #require(try FileFacts.of(endpoint.socketDirectory)?.mode == 0o700)
                let answer = try await ask("select current_database()", endpoint.connectionString)
                try #require(answer.out == "levqor", "\(answer.text)")
                let logs = try FileManager.default.contentsOfDirectory(atPath: directory + "/log")
                try #require(logs.contains { $0.hasPrefix("postgresql-") })
                await cluster.stop()
                try #require(try FileFacts.of(endpoint.socketDirectory) == nil)
            }
            let names = try FileManager.default.contentsOfDirectory(atPath: sandbox.directory)
            #expect(Set(names) == ["log", "pg", "start.lock", "url", "users.lock"])
        }
    }

    @Test(
        "takes another folder for its socket when a stranger took the usual one",
        .enabled(if: Sandbox.isRoot, needsRoot)
    )
    func squattedSocket() async throws {
        try await asUser(project: String(repeating: "long-name-", count: 11)) { sandbox, user in
            let usual = "/tmp/levqor-\(user)-\(ClusterPlace.hash(sandbox.directory + "/pg"))"
            #expect(mkdir(usual, 0o777) == 0)
            defer { rmdir(usual) }
            let nobody = try #require(ClusterAccount.find(name: "nobody"))
            #expect(chown(usual, nobody.uid, nobody.gid) == 0)
            await #expect(processExitsWith: .success) {
                [directory = sandbox.directory as String, user = user as uid_t, usual = usual as String] in
                try becomeUser(user)
                let cluster = Sandbox.cluster(directory)
                let endpoint = try await cluster.start()
                try #require(endpoint.socketDirectory != usual)
                try #require(try await ask("select 1", endpoint.connectionString).out == "1")
                await cluster.stop()
                try #require(try FileFacts.of(endpoint.socketDirectory) == nil)
            }
        }
    }

    @Test("of an ordinary user says so when root made the cluster", .enabled(if: Sandbox.isRoot, needsRoot))
    func rootsCluster() async throws {
        try await asUser(project: "project") { sandbox, user in
            let cluster = sandbox.cluster()
            _ = try await cluster.start()
            await cluster.stop()
            await #expect(processExitsWith: .success) {
                [directory = sandbox.directory as String, user = user as uid_t] in
                try becomeUser(user)
                let error = await #expect(throws: EmbeddedError.self) { try await Sandbox.cluster(directory).start() }
                try #require(error?.code == .permission)
                try #require(error?.advice.contains("start as root") == true)
            }
        }
    }

    /// Gives the test a project in the home, of mode 0700, of a user who is removed afterwards.
    private func asUser(project: String, _ body: (Sandbox, uid_t) async throws -> Void) async throws {
        try await Sandbox.with(under: project) { sandbox in
            let name = "levqor-t\(getpid())"
            let account = try await ClusterAccount.ensure([name], home: sandbox.root)
            for path in [sandbox.root, (sandbox.directory as NSString).deletingLastPathComponent] {
                #expect(chown(path, account.uid, account.gid) == 0)
            }
            #expect(try FileFacts.of(sandbox.root)?.mode == 0o700)
            var failure: (any Error)?
            do { try await body(sandbox, account.uid) } catch { failure = error }
            let userdel = try #require(BinaryFinder.tool("userdel"))
            let removed = try await Command(executable: userdel, arguments: [name]).run()
            #expect(removed.succeeded, "\(removed.text)")
            if let failure { throw failure }
        }
    }
}

/// Changes this whole process to an ordinary user for good.
func becomeUser(_ uid: uid_t) throws {
    let account = try #require(ClusterAccount.find(uid: uid))
    guard initgroups(account.name, account.gid) == 0, setgid(account.gid) == 0, setuid(uid) == 0, geteuid() == uid
    else {
        throw SandboxError("cannot become \(account.name)")
    }
}
#endif
