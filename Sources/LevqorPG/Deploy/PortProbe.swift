import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Finds out whether a server could listen somewhere, by doing it for a moment.
enum PortProbe {
    enum Answer: Equatable {
        case free
        case taken
        case refused(String)
    }

    static func look(host: String, port: Int) -> Answer {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var found: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &found)
        defer { if let found { freeaddrinfo(found) } }
        guard code == 0, let address = found?.pointee else { return .refused("\(host) is no address of a machine") }

        let descriptor = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
        guard descriptor >= 0 else { return .refused(reason()) }
        defer { close(descriptor) }
        // As servers do, so that connections of a server that has just ended are not taken for one that runs.
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard bind(descriptor, address.ai_addr, address.ai_addrlen) == 0, listen(descriptor, 1) == 0 else {
            return errno == EADDRINUSE ? .taken : .refused(reason())
        }
        return .free
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
