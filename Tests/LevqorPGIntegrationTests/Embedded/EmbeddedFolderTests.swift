import Foundation
import Testing

@testable import LevqorPG

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Data folders that are half-made, foreign, of another version, or broken.
@Suite("A data folder", .serialized)
struct EmbeddedFolderTests {
    @Test("that never became complete is removed, and a whole one is made")
    func halfMade() async throws {
        try await Sandbox.with { sandbox in
            let place = try await ClusterPlace.resolve(directory: sandbox.directory)
            let halfMade = "\(place.home)/\(place.makingPrefix)99.1"
            try PrivateFolder.make(halfMade, owner: place.account)
            try Data("15\n".utf8).write(to: URL(fileURLWithPath: halfMade + "/PG_VERSION"))
            for folder in ["/base", "/base/1"] { try PrivateFolder.make(halfMade + folder, owner: place.account) }
            try Data("x".utf8).write(to: URL(fileURLWithPath: halfMade + "/base/1/112"))
            let cluster = sandbox.cluster()
            #expect(try await cluster.start().weStartedIt)
            #expect(try FileFacts.of(halfMade) == nil)
            await cluster.stop()
        }
    }

    @Test("that holds something else is refused and left alone")
    func foreign() async throws {
        try await Sandbox.with { sandbox in
            let place = try await ClusterPlace.resolve(directory: sandbox.directory)
            try PrivateFolder.make(place.data, owner: place.account)
            let file = place.data + "/letters.txt"
            try Data("dear".utf8).write(to: URL(fileURLWithPath: file))
            let error = await #expect(throws: EmbeddedError.self) { try await sandbox.cluster().start() }
            #expect(error?.code == .incompleteFolder)
            #expect(error?.advice.contains("mv \(place.data)") == true)
            #expect(try String(contentsOfFile: file, encoding: .utf8) == "dear")
        }
    }

    @Test("of PostgreSQL 13 is refused with the commands that upgrade it, and left alone")
    func otherMajor() async throws {
        try await Sandbox.with { sandbox in
            let place = try await ClusterPlace.resolve(directory: sandbox.directory)
            try PrivateFolder.make(place.data, owner: place.account)
            let file = place.data + "/PG_VERSION"
            try Data("13\n".utf8).write(to: URL(fileURLWithPath: file))
            let error = try #require(
                await #expect(throws: EmbeddedError.self) { try await sandbox.cluster().start() }
            )
            #expect(error.code == .upgrade)
            let newest = try #require(await BinaryFinder.find().max { $0.major < $1.major })
            #expect(error.advice.contains("\(newest.folder)/pg_upgrade --old-bindir "))
            #expect(error.advice.contains("--old-datadir \(place.data) --new-datadir \(place.data).\(newest.major) "))
            #expect(try String(contentsOfFile: file, encoding: .utf8) == "13\n")
            #expect(sandbox.postmaster == nil)
        }
    }

    @Test("of a newer PostgreSQL is refused with what to install")
    func newerMajor() async throws {
        try await Sandbox.with { sandbox in
            let place = try await ClusterPlace.resolve(directory: sandbox.directory)
            try PrivateFolder.make(place.data, owner: place.account)
            try Data("99\n".utf8).write(to: URL(fileURLWithPath: place.data + "/PG_VERSION"))
            let error = await #expect(throws: EmbeddedError.self) { try await sandbox.cluster().start() }
            #expect(error?.advice.contains("apt-get install postgresql-99") == true)
        }
    }

    @Test("is not needed to learn that no PostgreSQL is installed")
    func noBinaries() async throws {
        try await Sandbox.with { sandbox in
            let cluster = sandbox.cluster { $0.binaryFolder = sandbox.root }
            let error = await #expect(throws: EmbeddedError.self) { try await cluster.start() }
            #expect(error?.code == .binaries)
            #expect(error?.advice.contains("apt-get install postgresql") == true)
        }
    }

    @Test("with a broken local.conf gives an error that names the setting; mended, it starts; local.conf wins")
    func brokenSettings() async throws {
        try await Sandbox.with { sandbox in
            let cluster = sandbox.cluster()
            _ = try await cluster.start()
            await cluster.stop()
            let local = URL(fileURLWithPath: sandbox.data + "/local.conf")
            try Data("no_such_setting = 1\n".utf8).write(to: local)
            let error = await #expect(throws: EmbeddedError.self) { try await cluster.start() }
            #expect(error?.code == .configuration)
            #expect(error?.message.contains("no_such_setting") == true)
            try Data("work_mem = '11MB'\n".utf8).write(to: local)
            let url = try await cluster.start().connectionString
            #expect(try await ask("show work_mem", url).out == "11MB")
            await cluster.stop()
        }
    }

    @Test("whose postmaster.pid names a living stranger is started all the same")
    func reusedProcessID() async throws {
        try await Sandbox.with { sandbox in
            let cluster = sandbox.cluster()
            _ = try await cluster.start()
            await cluster.stop()
            let place = try await ClusterPlace.resolve(directory: sandbox.directory)
            // PostgreSQL itself refuses when the number belongs to any living process of its own user.
            let stranger = Process()
            let words = try place.account.prefix() + ["/bin/sleep", "600"]
            stranger.executableURL = URL(fileURLWithPath: words[0])
            stranger.arguments = Array(words.dropFirst())
            stranger.standardOutput = FileHandle.nullDevice
            stranger.standardError = FileHandle.nullDevice
            try stranger.run()
            defer { kill(stranger.processIdentifier, SIGKILL) }
            let pid = stranger.processIdentifier
            let comm = "/proc/\(pid)/comm"
            try await eventually("the stranger runs") {
                !FileManager.default.fileExists(atPath: "/proc/self/comm")
                    || (try? String(contentsOfFile: comm, encoding: .utf8)) == "sleep\n"
            }
            let file = "\(pid)\n\(place.data)\n1700000000\n5432\n\(place.run)\n\n  1 2\nready   \n"
            try Data(file.utf8).write(to: URL(fileURLWithPath: place.data + "/postmaster.pid"))
            #expect(try await cluster.start().weStartedIt)
            #expect(sandbox.postmaster != pid)
            await cluster.stop()
        }
    }

    @Test("that vanishes under a server is not replaced by an empty one")
    func vanished() async throws {
        try await Sandbox.with { sandbox in
            let cluster = sandbox.cluster()
            let endpoint = try await cluster.start()
            let supervision = Task { await cluster.supervise() }
            let away = endpoint.dataDirectory + ".away"
            let postmaster = try #require(sandbox.postmaster)
            #expect(rename(endpoint.dataDirectory, away) == 0)
            kill(postmaster, SIGQUIT)
            try await eventually("PostgreSQL is gone") { ProcessTable.servers(in: away) != .some }
            await #expect(throws: EmbeddedError.self) { try await cluster.restart() }
            #expect(try FileFacts.of(endpoint.dataDirectory) == nil)
            #expect(rename(away, endpoint.dataDirectory) == 0)
            try await eventually("supervision finds the folder again") { sandbox.postmaster != nil }
            supervision.cancel()
            await supervision.value
            await cluster.stop()
        }
    }
}
