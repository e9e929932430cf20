/// The secrets that SQL can ask a server for by name: credentials of its environment, and those that it derives.
struct NamedSecrets: Sendable {
    private static let credentialPrefix = "credential/"
    private static let derivedPrefix = "derived/"

    let credentials: Credentials
    let masterKey: MasterKey

    /// The text of a secret: of `credential/NAME` what the environment holds, of `derived/NAME` what the master key gives.
    func find(_ name: String) throws(OutboundFailure) -> String {
        if name.hasPrefix(Self.credentialPrefix) {
            return try credentials.find(String(name.dropFirst(Self.credentialPrefix.count))).text
        }
        guard name.hasPrefix(Self.derivedPrefix),
            let secret = try? DerivedSecret.make(
                from: masterKey, name: String(name.dropFirst(Self.derivedPrefix.count)))
        else { throw OutboundFailure(.invalidRequest, "no kind of secret has a name like that") }
        return secret.text
    }
}
