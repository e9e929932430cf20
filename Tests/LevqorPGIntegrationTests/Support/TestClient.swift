import Foundation

@testable import LevqorPG

/// An HTTP client on plain sockets: one connection a request, and nothing that a test did not write.
struct TestClient: Sendable {
    let port: Int

    init(_ port: Int) { self.port = port }

    func get(_ path: String, key: String? = nil, _ headers: [(String, String)] = []) async throws -> TestResponse {
        try await send("GET", path, key: key, headers)
    }

    func post(
        _ path: String, key: String? = nil, _ body: String = "{}", _ headers: [(String, String)] = []
    ) async throws -> TestResponse {
        try await send("POST", path, key: key, headers + [("Content-Type", "application/json")], body: Array(body.utf8))
    }

    func send(
        _ method: String, _ path: String, key: String? = nil, _ headers: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> TestResponse {
        try await raw(Self.head(method, path, key, headers, body) + (body ?? []))
    }

    /// Sends these very bytes and reads until the server closes.
    func raw(_ bytes: [UInt8]) async throws -> TestResponse {
        let socket = try open(bytes)
        return try await socket.response()
    }

    /// Sends a request and leaves it open.
    func begin(
        _ method: String, _ path: String, key: String? = nil, _ body: String? = nil, _ headers: [(String, String)] = []
    ) throws -> TestSocket {
        let bytes = body.map { Array($0.utf8) }
        let headers = headers + (body == nil ? [] : [("Content-Type", "application/json")])
        return try open(Self.head(method, path, key, headers, bytes) + (bytes ?? []))
    }

    /// Sends these bytes and leaves the connection open.
    func open(_ text: String) throws -> TestSocket { try open(Array(text.utf8)) }

    private func open(_ bytes: [UInt8]) throws -> TestSocket {
        let socket = try TestSocket(port: port)
        socket.send(bytes)
        return socket
    }

    private static func head(
        _ method: String, _ path: String, _ key: String?, _ headers: [(String, String)], _ body: [UInt8]?
    ) -> [UInt8] {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: localhost", "Connection: close"]
        if let key { lines.append("X-Api-Key: \(key)") }
        lines += headers.map { "\($0.0): \($0.1)" }
        if let body { lines.append("Content-Length: \(body.count)") }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }
}
