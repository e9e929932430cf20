import Crypto

/// Stands for a client's address in the access record: the same for the same address, and no way back without the master key.
struct AddressHash: Sendable {
    static let byteCount = 16

    /// Begun with the key, once: each address goes on from there.
    private let begun: HMAC<SHA256>

    /// - Throws: never for a master key that exists.
    init(_ masterKey: MasterKey) throws {
        begun = HMAC(key: SymmetricKey(data: try DerivedSecret.make(from: masterKey, name: "access-address").bytes))
    }

    /// The beginning of HMAC-SHA256 of the address's text.
    func hash(_ address: String) -> [UInt8] {
        var text = address
        var code = begun
        text.withUTF8 { code.update(data: UnsafeRawBufferPointer($0)) }
        return Array(code.finalize().prefix(Self.byteCount))
    }
}
