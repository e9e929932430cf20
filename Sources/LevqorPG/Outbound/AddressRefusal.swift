/// An address that must not be reached, and why.
struct AddressRefusal: Sendable, Equatable, CustomStringConvertible {
    /// The address as it would have been connected to; nil when it could not even be read.
    var address: IPAddress?
    /// The IPv4 address inside of it that was judged, where there is one.
    var embedded: IPAddress?
    var rule: AddressRule

    var description: String {
        let name = address.map(String.init(describing:)) ?? "the address"
        let inside = embedded.map { ", which holds \($0)," } ?? ""
        return "\(name)\(inside) is refused: \(rule.rawValue)"
    }
}
