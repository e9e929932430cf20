import Crypto

/// Secrets that are computed and never stored: HMAC-SHA256 of a name under the master key.
///
/// The same master key and name give the same secret on every server; without the master key, one secret says nothing
/// about another.
enum DerivedSecret {
    /// The secret of a name.
    ///
    /// - Parameter name: Must say unmistakably whose secret it is: two things with the same name share a secret, so
    ///   join its parts by a character that none of them can hold.
    static func make(from master: MasterKey, name: String) throws(SigningSecret.ParseError) -> SigningSecret {
        let code = HMAC<SHA256>.authenticationCode(for: Array(name.utf8), using: SymmetricKey(data: master.bytes))
        return try SigningSecret(bytes: Array(code))
    }
}
