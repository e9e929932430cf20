import Foundation

@testable import LevqorPG

/// One connection to a server of a test.
final class TestSocket: Sendable {
    private let descriptor: Int32
    private let isOpen = Locked(true)

    init(port: Int) throws {
        #if os(Linux)
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        address.sin_port = UInt16(port).bigEndian
        let result = withUnsafePointer(to: &address) { [descriptor] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            close(descriptor)
            isOpen.withLock { $0 = false }
            throw POSIXError(POSIXError.Code(rawValue: errno) ?? .EIO)
        }
    }

    deinit { hangUp() }

    /// Sends as much as the other side takes.
    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return }
            sent += count
        }
    }

    /// Closes without reading.
    func hangUp() {
        if isOpen.withLock({ isOpen in
            defer { isOpen = false }
            return isOpen
        }) {
            close(descriptor)
        }
    }

    /// Says that nothing more will be sent.
    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Reads until the other side closes, on a thread of its own, and takes it for one answer.
    func response() async throws -> TestResponse { try TestResponse(try await bytes()) }

    /// All bytes until the other side closes, or until so many blank lines have come.
    func bytes(untilHeads count: Int = .max) async throws -> [UInt8] {
        let descriptor = descriptor
        let bytes: [UInt8] = await withCheckedContinuation { continuation in
            Thread {
                var bytes: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 65536)
                func heads() -> Int {
                    String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n\r\n").count - 1
                }
                while count == .max || heads() < count {
                    let count = recv(descriptor, &buffer, buffer.count, 0)
                    if count <= 0 { break }
                    bytes += buffer[..<count]
                }
                continuation.resume(returning: bytes)
            }.start()
        }
        // Keeps the socket open until here.
        if count == .max { hangUp() }
        return bytes
    }
}
