import Foundation
import Logging
import ServiceLifecycle
import Testing

@testable import LevqorPG

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The private cluster on the machine's real PostgreSQL, as whoever runs the tests.
@Suite("A private cluster", .serialized)
struct EmbeddedClusterTests {
    @Test("starts in a folder from mktemp -d with settings that are safe, and its last server stops it")
    func startsAndStops() async throws {
        try await Sandbox.with { sandbox in
            let cluster = sandbox.cluster()
            let endpoint = try await cluster.start()
            #expect(endpoint.weStartedIt)
            #expect(
                try String(contentsOfFile: sandbox.directory + "/url", encoding: .utf8) == endpoint.connectionString
                    + "\n")
            let settings = [
                "listen_addresses": "", "data_checksums": "on", "server_encoding": "UTF8", "TimeZone": "UTC",
                "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "jit": "off",
                "log_parameter_max_length": "0", "log_parameter_max_length_on_error": "0",
                "log_min_duration_statement": "1s", "logging_collector": "on", "max_connections": "100",
                "unix_socket_permissions": "0700",
            ]
            let asked = settings.keys.sorted()
            let list = asked.map { "current_setting('\($0)')" }.joined(separator: ", ")
            let answer = try await ask("select \(list)", endpoint.connectionString)
            #expect(
                answer.out.split(separator: "|", omittingEmptySubsequences: false)
                    == asked.map { settings[$0].map { $0[...] } })
            let letters = try await ask(
                "select datcollate, lower('ÄÉ'), current_database() from pg_database "
                    + "where datname = current_database()", endpoint.connectionString)
            #expect(letters.out == "C|äé|levqor")
            #expect(try FileFacts.of(endpoint.socketDirectory)?.mode == 0o700)
            #expect(try FileFacts.of(endpoint.dataDirectory)?.mode == 0o700)

            await cluster.stop()
            #expect(sandbox.postmaster == nil)
            #expect(await cluster.endpoint == nil)
            #expect(try await cluster.start().weStartedIt, "a stopped cluster starts again on the same data")
            await cluster.stop()
        }
    }

    @Test("is started once by servers that start at the same time, and only the last one out stops it")
    func lastOneOut() async throws {
        try await Sandbox.with { sandbox in
            let servers = (0..<4).map { _ in sandbox.cluster() }
            let endpoints = try await withThrowingTaskGroup(of: EmbeddedEndpoint.self) { group in
                for server in servers { group.addTask { try await server.start() } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(endpoints.filter(\.weStartedIt).count == 1)
            #expect(Set(endpoints.map(\.connectionString)).count == 1)
            let postmaster = try #require(sandbox.postmaster)
            for server in servers.dropLast() {
                await server.stop()
                #expect(sandbox.postmaster == postmaster, "others still use it")
            }
            await servers.last?.stop()
            #expect(sandbox.postmaster == nil)
        }
    }

    @Test("is left running while a client that is no server is connected")
    func leftForClients() async throws {
        try await Sandbox.with { sandbox in
            let cluster = sandbox.cluster()
            let url = try await cluster.start().connectionString
            async let session = ask("select pg_sleep(600)", url)
            let busy = "select count(*) from pg_stat_activity where query like 'select pg_sleep%'"
            try await eventually("psql is connected") { try await ask(busy, url).out == "1" }
            await cluster.stop()
            #expect(sandbox.postmaster != nil)

            let end = "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep%'"
            #expect(try await !cluster.start().weStartedIt)
            _ = try await ask(end, url)
            #expect(try await !session.succeeded)
            try await eventually("psql is gone") { try await ask(busy, url).out == "0" }
            // What a killed server left open must not keep the cluster alive for ever.
            async let leftOver = ask("select pg_sleep(600)", url + "&application_name=levqor-server")
            try await eventually("a server's connection is there") { try await ask(busy, url).out == "1" }
            await cluster.stop()
            #expect(sandbox.postmaster == nil)
            #expect(try await !leftOver.succeeded)
        }
    }

    @Test("is left running when an operator started it with pg_ctl")
    func leftForOperator() async throws {
        try await Sandbox.with { sandbox in
            let first = sandbox.cluster()
            _ = try await first.start()
            await first.stop()
            let place = try await ClusterPlace.resolve(directory: sandbox.directory)
            let binaries = try #require(await BinaryFinder.find().max { $0.major < $1.major })
            let started = try await ClusterTools(binaries: binaries, place: place)
                .run("pg_ctl", ["start", "--wait", "--log=log/start.log"])
            try #require(started.succeeded, "\(started.text)")
            #expect(try await !first.start().weStartedIt)
            await first.stop()
            #expect(sandbox.postmaster != nil)
        }
    }

    @Test("is started again by one of its servers when PostgreSQL is killed, and stopped on graceful shutdown")
    func supervision() async throws {
        try await Sandbox.with { sandbox in
            let servers = [sandbox.cluster(), sandbox.cluster()]
            let logger = Logger(label: "embedded-test") { _ in SwiftLogNoOpLogHandler() }
            let groups = servers.map { ServiceGroup(services: [$0], logger: logger) }
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for group in groups { tasks.addTask { try await group.run() } }
                for server in servers { try await eventually("it is up") { await server.endpoint != nil } }
                for _ in 0..<2 {
                    let old = try #require(sandbox.postmaster)
                    kill(old, SIGKILL)
                    for server in servers {
                        try await eventually("the server uses the new run") { await server.postmasterPID != old }
                    }
                    let url = try #require(await servers[0].endpoint).connectionString
                    #expect(try await ask("select 1", url).out == "1")
                    #expect(await servers[0].postmasterPID == servers[1].postmasterPID)
                }
                await groups[0].triggerGracefulShutdown()
                try await eventually("the first server is out") { await servers[0].endpoint == nil }
                _ = try await tasks.next()
                #expect(sandbox.postmaster != nil)
                await groups[1].triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            #expect(sandbox.postmaster == nil)
        }
    }

    @Test("gets further databases, copied from a template")
    func databases() async throws {
        try await Sandbox.with { sandbox in
            let cluster = sandbox.cluster()
            _ = try await cluster.start()
            let name = #"odd "name" & é"#
            let template = try await cluster.createDatabase(name: name)
            _ = try await ask("create table public.t as select 7 as n", template)
            let copy = try await cluster.createDatabase(name: "copy", template: name)
            #expect(try await ask("select n from public.t", copy).out == "7")
            await #expect(throws: EmbeddedError.self) { try await cluster.createDatabase(name: "copy") }
            try await cluster.dropDatabase(name: "copy")
            try await cluster.dropDatabase(name: "copy")
            #expect(try await !ask("select 1", copy).succeeded)
        }
    }

    @Test("lets its user log in as the server's roles without a password, and as no other role")
    func logins() async throws {
        try await Sandbox.with { sandbox in
            let endpoint = try await sandbox.cluster().start()
            _ = try await ask(
                "create role levqor_server login; create role stranger login superuser password 'secret'",
                endpoint.connectionString
            )
            let server = endpoint.connectionString(database: "levqor", user: "levqor_server")
            #expect(try await ask("select current_user", server).out == "levqor_server")
            let stranger = endpoint.connectionString(database: "levqor", user: "stranger")
            #expect(
                try await ask("select 1", stranger + "&password=wrong").error.contains("password authentication failed")
            )
            #expect(try await ask("select current_user", stranger + "&password=secret").out == "stranger")
        }
    }
}

extension EmbeddedCluster {
    var postmasterPID: Int32? { if case .running(let running) = state { running.postmaster.pid } else { nil } }
}
