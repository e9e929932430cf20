/// Decides which addresses may be reached: those of the public internet, and what the operator opens by name.
///
/// It judges numbers, never names: whatever a host is called and whatever its name server says the second time, the
/// address that a socket is opened for comes by here. What it does not know is refused.
struct AddressGuard: Sendable {
    /// The operator's ranges. They open exactly the addresses in them, cloud metadata too where the range names it.
    let allowing: [CIDR]

    init(allowing: [CIDR] = []) {
        self.allowing = allowing
    }

    /// Why the address must not be reached, or nil when it may.
    ///
    /// - Parameters:
    ///   - address: The address about to be connected to; nil for one that is neither IPv4 nor IPv6.
    ///   - privateAllowed: Opens the ranges in which the operator's own machines live.
    func refusal(of address: IPAddress?, privateAllowed: Bool = false) -> AddressRefusal? {
        guard let address else {
            return AddressRefusal(address: nil, embedded: nil, rule: .unknownFamily)
        }
        if allowing.contains(where: { $0.contains(address) }) {
            return nil
        }
        if let rule = AddressRule.ranges.first(where: { $0.range.contains(address) })?.rule {
            return rule.isPrivate && privateAllowed ? nil : AddressRefusal(address: address, embedded: nil, rule: rule)
        }
        if let embedded = address.embeddedIPv4 {
            // The way to this address leads through a gateway of someone else's choosing: the operator's ranges and
            // the opening for private networks hold for the address itself and not for what is packed into another.
            return Self.publicOnly.refusal(of: embedded).map {
                AddressRefusal(address: address, embedded: embedded, rule: $0.rule)
            }
        }
        if address.family == .v6 && !Self.globalUnicast.contains(address) {
            return AddressRefusal(address: address, embedded: nil, rule: .reserved)
        }
        return nil
    }

    private static let publicOnly = AddressGuard()

    /// The only IPv6 range from which addresses are given out; all others are reserved.
    private static let globalUnicast = CIDR(v6: 0x2000, prefix: 3)
}

extension IPAddress {
    /// The IPv4 address that an IPv6 one carries for a gateway: IPv4-compatible, NAT64 (64:ff9b::/96), 6to4.
    fileprivate var embeddedIPv4: IPAddress? {
        guard family == .v6 else { return nil }
        let inLow = high == 0 && low >> 32 == 0 || high == 0x0064_ff9b_0000_0000 && low >> 32 == 0
        if inLow {
            return IPAddress(v4: UInt32(truncatingIfNeeded: low))
        }
        if high >> 48 == 0x2002 {
            return IPAddress(v4: UInt32(truncatingIfNeeded: high >> 16))
        }
        return nil
    }
}
