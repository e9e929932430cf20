import Foundation

/// A mail server for one connection, that takes of the content nothing before it is let, and answers no goodbye.
///
/// `@unchecked Sendable`: nothing changes after init; the streams and the semaphore are safe.
final class StubbornMailServer: @unchecked Sendable {
    let port: UInt16
    /// When it was asked to take the content.
    let beginnings: AsyncStream<Void>
    /// All that came after that, at the end of the connection.
    let contents: AsyncStream<[UInt8]>

    private let listener: Int32
    private let refusesRecipients: Bool
    private let began: AsyncStream<Void>.Continuation
    private let ended: AsyncStream<[UInt8]>.Continuation
    private let gate = DispatchSemaphore(value: 0)

    init(refusesRecipients: Bool = false) throws {
        self.refusesRecipients = refusesRecipients
        (beginnings, began) = AsyncStream.makeStream()
        (contents, ended) = AsyncStream.makeStream()
        #if os(Linux)
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        listener = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { [listener] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 1) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard bound else { throw POSIXError(POSIXError.Code(rawValue: errno) ?? .EIO) }
        port = UInt16(bigEndian: address.sin_port)
        Thread { [self] in serve() }.start()
    }

    /// Lets it take the content.
    func goOn() { gate.signal() }

    private func serve() {
        let connection = accept(listener, nil, nil)
        close(listener)
        guard connection >= 0 else { return }
        defer { close(connection) }
        answer("220 here", connection)
        var pending: [UInt8] = []
        while let line = readLine(connection, &pending) {
            switch line.prefix(4).uppercased() {
            case "DATA":
                answer("354 go on", connection)
                began.yield()
                gate.wait()
                var more = receive(connection)
                while !more.isEmpty {
                    pending += more
                    more = receive(connection)
                }
                ended.yield(pending)
                return
            case "RCPT" where refusesRecipients: answer("550 no such user", connection)
            case "QUIT": continue
            default: answer("250 well", connection)
            }
        }
        ended.yield(pending)
    }

    private func answer(_ line: String, _ connection: Int32) {
        _ = Array((line + "\r\n").utf8).withUnsafeBytes {
            send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
    }

    private func readLine(_ connection: Int32, _ pending: inout [UInt8]) -> String? {
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                defer { pending.removeSubrange(...end) }
                return String(decoding: pending[..<end], as: UTF8.self)
            }
            let more = receive(connection)
            if more.isEmpty { return nil }
            pending += more
        }
    }

    private func receive(_ connection: Int32) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(connection, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer[..<count]) : []
    }
}
