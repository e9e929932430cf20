import Foundation
import Testing

@testable import LevqorPG

@Suite("Connecting", .timeLimit(.minutes(2)))
struct PostgresConnectTests {
    @Test("a session is UTF-8, named, and has the settings it was given")
    func connects() async throws {
        var configuration = try PostgresTestDatabase.configuration("levqor test: one")
        configuration.settings = ["statement_timeout": "4321ms", "levqor.note": "two words \\ 'quoted'"]
        let connection = try await PostgresConnection.connect(configuration, logger: PostgresTestDatabase.logger)
        let row = try #require(
            try await connection.query(
                """
                select current_setting('client_encoding'), current_setting('application_name'),
                    current_setting('statement_timeout'), current_setting('levqor.note'), pg_backend_pid()
                """
            ).first
        )
        #expect((0..<4).map { row.string($0) } == ["UTF8", "levqor test: one", "4321ms", "two words \\ 'quoted'"])
        #expect(row.int(4) == Int(connection.backendPID))
    }

    @Test("a refused connection says so and gives no password away")
    func reportsRefusal() async throws {
        let configuration = PostgresConfiguration("postgresql://app:hunter2secret@127.0.0.1:1/nowhere")
        let error = try await postgresError {
            try await PostgresConnection.connect(configuration, logger: PostgresTestDatabase.logger)
        }
        #expect(error.code == .connectionFailed)
        #expect(!String(reflecting: error).contains("hunter2secret"))
        #expect(!error.isOutcomeUnknown)
    }

    @Test(
        "a broken connection string is told apart from a failed connection", arguments: ["postgres//x", "a=b=c", "\0"])
    func reportsBrokenStrings(connectionString: String) async throws {
        let error = try await postgresError {
            try await PostgresConnection.connect(
                PostgresConfiguration(connectionString), logger: PostgresTestDatabase.logger)
        }
        #expect(error.code == .invalidConfiguration)
    }

    @Test("a database that does not exist is reported in the server's words, to an operator only")
    func reportsMissingDatabase() async throws {
        var options = try PostgresConnectionString.parse(PostgresTestDatabase.url())
        options["dbname"] = "levqor_no_such_database"
        let text = options.map { "\($0)='\($1)'" }.joined(separator: " ")
        let error = try await postgresError {
            try await PostgresConnection.connect(PostgresConfiguration(text), logger: PostgresTestDatabase.logger)
        }
        #expect(error.code == .connectionFailed)
        #expect(error.message.contains("levqor_no_such_database"))
        #expect(!"\(error)".contains("levqor_no_such_database"))
    }

    @Test("a peer that takes the connection and says nothing is left at the deadline")
    func keepsItsDeadline() async throws {
        let peer = try SilentPeer()
        let configuration = PostgresConfiguration(peer.url, connectTimeout: .milliseconds(50))
        let error = try await postgresError {
            try await PostgresConnection.connect(configuration, logger: PostgresTestDatabase.logger)
        }
        #expect(error.code == .deadlineExceeded)
    }

    @Test("cancelling the task ends an attempt to connect")
    func isCancellable() async throws {
        let peer = try SilentPeer()
        let configuration = PostgresConfiguration(peer.url, connectTimeout: .seconds(600))
        let attempt = Task {
            try await PostgresConnection.connect(configuration, logger: PostgresTestDatabase.logger)
        }
        // The attempt is under way when the peer has a client: accept waits for it.
        await peer.awaitClient()
        attempt.cancel()
        let error = try await postgresError { try await attempt.value }
        #expect(error.code == .cancelled)
    }
}

/// A listening socket that never answers.
private final class SilentPeer: Sendable {
    private let listener: Int32
    private let port: UInt16

    var url: String { "postgresql://app@127.0.0.1:\(port)/x?sslmode=disable&gssencmode=disable" }

    init() throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        if !isListening { throw PostgresError(.connectionFailed, "the test could not listen") }
    }

    /// Returns when a client stands in the queue; takes none out.
    func awaitClient() async {
        await withCheckedContinuation { continuation in
            let listener = listener
            Thread.detachNewThread {
                var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
                _ = poll(&entry, 1, 60_000)
                continuation.resume()
            }
        }
    }

    deinit { close(listener) }
}
