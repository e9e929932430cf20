import Foundation

@testable import LevqorPG

/// A receiver of webhooks on a loopback port: answers each request with the next of the given statuses, then with the last.
///
/// Held, it takes requests and answers none until it is let go.
final class HookReceiver: Sendable {
    struct Hook: Sendable {
        /// Method, target and version.
        let line: String
        let headers: [String: String]
        let body: [UInt8]
    }

    private struct State {
        var statuses: [Int]
        let answer: String
        var hooks: [Hook] = []
        var connections = 0
    }

    let port: Int
    private let listener: Int32
    private let state: Locked<State>
    /// Not signalled while the receiver is held.
    private let free = DispatchSemaphore(value: 0)

    /// Each request as it has arrived.
    var hooks: [Hook] { state.withLock { $0.hooks } }
    /// How many connections have come in, whether or not anything was sent over them.
    var connections: Int { state.withLock { $0.connections } }

    init(statuses: [Int], answer: String = "ok", isHeld: Bool = false) throws {
        state = Locked(State(statuses: statuses, answer: answer))
        if !isHeld { free.signal() }
        #if os(Linux)
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        listener = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { [listener] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isBound else { throw POSIXError(POSIXError.Code(rawValue: errno) ?? .EIO) }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread { [self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                // shutdown(2) of the listener ends the loop.
                guard descriptor >= 0 else { break }
                state.withLock { $0.connections += 1 }
                Thread { [self] in serve(descriptor) }.start()
            }
            close(listener)
        }.start()
    }

    /// Stops listening, and answers whom it held.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        free.signal()
    }

    /// Answers all from now on.
    func letGo() { free.signal() }

    private func serve(_ descriptor: Int32) {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            if let hook = Self.take(&bytes) {
                let (status, text) = state.withLock { state in
                    state.hooks.append(hook)
                    return (state.statuses.count > 1 ? state.statuses.removeFirst() : state.statuses[0], state.answer)
                }
                free.wait()
                free.signal()
                let answer = Array(
                    "HTTP/1.1 \(status) Status\r\nContent-Length: \(text.utf8.count)\r\n\r\n\(text)".utf8)
                _ = answer.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count <= 0 { break }
            bytes += buffer[..<count]
        }
        close(descriptor)
    }

    private static func take(_ bytes: inout [UInt8]) -> Hook? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(
                in: .whitespaces)
        }
        let length = headers["content-length"].flatMap(Int.init) ?? 0
        guard bytes.count >= end.upperBound + length else { return nil }
        let body = Array(bytes[end.upperBound..<(end.upperBound + length)])
        bytes.removeFirst(end.upperBound + length)
        return Hook(line: lines[0], headers: headers, body: body)
    }
}
