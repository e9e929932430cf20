import Foundation

/// A real HTTP server on a loopback port, as simple or as rude as a test wants it.
///
/// Every connection has a thread. It reads whole requests and hands each to the behaviour, until that says `.close` or
/// the other side is gone.
final class LoopbackReceiver: @unchecked Sendable {  // `lock` protects the counters; the rest does not change.
    struct Request: Sendable {
        var head: String
        var body: [UInt8]
        var line: String { String(head.prefix { !$0.isNewline }) }

        func header(_ name: String) -> String? {
            head.split(whereSeparator: \.isNewline).dropFirst()
                .first { $0.lowercased().hasPrefix(name.lowercased() + ":") }
                .map { $0.dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces) }
        }
    }

    enum After {
        case keep
        case close
    }

    struct Connection: Sendable {
        /// The C function, which `send` below would hide.
        private static let sendBytes: @Sendable (Int32, UnsafeRawPointer?, Int, Int32) -> Int = {
            Foundation.send($0, $1, $2, $3)
        }

        fileprivate let descriptor: Int32

        /// False when the other side has gone.
        @discardableResult
        func send(_ bytes: [UInt8]) -> Bool {
            var sent = 0
            while sent < bytes.count {
                // MSG_NOSIGNAL: the other side's leaving is a result here, no reason to die.
                let count = bytes[sent...].withUnsafeBytes { buffer in
                    Self.sendBytes(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
                }
                if count <= 0 { return false }
                sent += count
            }
            return true
        }

        @discardableResult
        func send(_ text: String) -> Bool { send(Array(text.utf8)) }

        func answer(_ status: String, headers: String = "", _ body: String = "") {
            send("HTTP/1.1 \(status)\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }

        /// Returns when the other side has closed.
        func waitForEnd() {
            while !receive().isEmpty {}
        }

        fileprivate func receive() -> [UInt8] {
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            return count > 0 ? Array(buffer[..<count]) : []
        }
    }

    typealias Behaviour = @Sendable (Connection, Request) -> After

    let port: UInt16
    /// Each request as it has arrived.
    let arrivals: AsyncStream<Request>
    /// One for each connection that has ended.
    let endings: AsyncStream<Void>

    private let behaviour: Behaviour
    private let listener: Int32
    private let stopPipe: (read: Int32, write: Int32)
    private let arrived: AsyncStream<Request>.Continuation
    private let ended: AsyncStream<Void>.Continuation
    private let lock = NSLock()
    private var accepted = 0

    /// How many connections have come in.
    var connectionCount: Int { lock.withLock { accepted } }

    init(_ behaviour: @escaping Behaviour) throws {
        self.behaviour = behaviour
        (arrivals, arrived) = AsyncStream.makeStream()
        (endings, ended) = AsyncStream.makeStream()
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
                bind(listener, address, length) == 0 && listen(listener, 512) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        var ends: [Int32] = [0, 0]
        guard bound, pipe(&ends) == 0 else {
            throw POSIXError(POSIXError.Code(rawValue: errno) ?? .EIO)
        }
        port = UInt16(bigEndian: address.sin_port)
        stopPipe = (ends[0], ends[1])
        Thread { [self] in acceptUntilStopped() }.start()
    }

    /// Closes the listener; open connections end by themselves.
    func stop() {
        close(stopPipe.write)
    }

    private func acceptUntilStopped() {
        while true {
            var watched = [
                pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stopPipe.read, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&watched, 2, -1) > 0 else { continue }
            if watched[1].revents != 0 { break }
            let descriptor = accept(listener, nil, nil)
            guard descriptor >= 0 else { continue }
            lock.withLock { accepted += 1 }
            Thread { [self] in serve(Connection(descriptor: descriptor)) }.start()
        }
        close(listener)
        close(stopPipe.read)
    }

    private func serve(_ connection: Connection) {
        var pending: [UInt8] = []
        while let request = readRequest(connection, &pending) {
            arrived.yield(request)
            if behaviour(connection, request) == .close { break }
        }
        close(connection.descriptor)
        ended.yield()
    }

    private func readRequest(_ connection: Connection, _ pending: inout [UInt8]) -> Request? {
        var request: Request?
        while true {
            if request == nil, let end = pending.firstRange(of: Array("\r\n\r\n".utf8)) {
                request = Request(head: String(decoding: pending[..<end.lowerBound], as: UTF8.self), body: [])
                pending.removeSubrange(..<end.upperBound)
            }
            if var whole = request {
                let length = whole.header("Content-Length").flatMap(Int.init) ?? 0
                if pending.count >= length {
                    whole.body = Array(pending.prefix(length))
                    pending.removeFirst(length)
                    return whole
                }
            }
            let more = connection.receive()
            if more.isEmpty { return nil }
            pending += more
        }
    }
}
