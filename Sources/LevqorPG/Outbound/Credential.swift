/// The value of a credential. Its descriptions never show it.
struct Credential: Sendable, Equatable {
    let name: String
    let text: String

    /// What is wrong with the value, without the value.
    func unusable(_ reason: String) -> OutboundFailure {
        OutboundFailure(.credentialUnusable, "the credential \(name) cannot be used: \(reason)")
    }
}

extension Credential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    var description: String { "Credential(\(name), redacted)" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: []) }
}
