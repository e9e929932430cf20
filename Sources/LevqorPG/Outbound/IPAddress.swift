import Foundation

/// An IPv4 or IPv6 address as a number. An IPv4 address mapped into IPv6 becomes the IPv4 address that it is.
struct IPAddress: Sendable, Hashable {
    enum Family: Sendable, Hashable {
        case v4
        case v6
    }

    let family: Family
    /// The first eight bytes of an IPv6 address; zero for IPv4.
    let high: UInt64
    /// The last eight bytes of an IPv6 address, or the four of an IPv4 one.
    let low: UInt64

    init(v4: UInt32) {
        self.init(family: .v4, high: 0, low: UInt64(v4))
    }

    init(v6high: UInt64, low: UInt64) {
        if v6high == 0 && low >> 32 == 0xffff {
            self.init(v4: UInt32(truncatingIfNeeded: low))
        } else {
            self.init(family: .v6, high: v6high, low: low)
        }
    }

    private init(family: Family, high: UInt64, low: UInt64) {
        self.family = family
        self.high = high
        self.low = low
    }

    /// Reads the strict text forms only (four decimal parts; RFC 4291), without brackets or zone.
    init?(_ text: String) {
        guard !text.utf8.contains(0) else { return nil }
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.init(v4: UInt32(bigEndian: four.s_addr))
        } else if inet_pton(AF_INET6, text, &six) == 1 {
            self.init(six)
        } else {
            return nil
        }
    }

    /// Reads the address of a socket; nil for any family but IPv4 and IPv6, and for one cut short.
    init?(_ address: UnsafePointer<sockaddr>, length: Int) {
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET where length >= MemoryLayout<sockaddr_in>.size:
            self.init(v4: UInt32(bigEndian: raw.loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr))
        case AF_INET6 where length >= MemoryLayout<sockaddr_in6>.size:
            self.init(raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr)
        default:
            return nil
        }
    }

    private init(_ six: in6_addr) {
        let (high, low) = withUnsafeBytes(of: six) { bytes in
            (
                UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        self.init(v6high: high, low: low)
    }
}

extension IPAddress: CustomStringConvertible {
    var description: String {
        switch family {
        case .v4:
            // At most fifteen bytes, which a String holds without an allocation.
            return String(unsafeUninitializedCapacity: 15) { text in
                var count = 0
                for part in 0..<4 {
                    let number = UInt8(truncatingIfNeeded: low >> (24 - 8 * UInt64(part)))
                    if part > 0 { text[count] = UInt8(ascii: "."); count += 1 }
                    if number >= 100 { text[count] = UInt8(ascii: "0") + number / 100; count += 1 }
                    if number >= 10 { text[count] = UInt8(ascii: "0") + number / 10 % 10; count += 1 }
                    text[count] = UInt8(ascii: "0") + number % 10
                    count += 1
                }
                return count
            }
        case .v6:
            var bytes = [high.bigEndian, low.bigEndian]
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            guard inet_ntop(AF_INET6, &bytes, &text, socklen_t(text.count)) != nil else { return "?" }
            return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
    }
}
