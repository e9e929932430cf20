import NIOCore

/// Collects the ports that were bound, and tells when both are.
final class Addresses: Sendable {
    private let state = Locked<(publicURL: String?, adminURL: String?)>((nil, nil))
    private let onReady: @Sendable (String, String) -> Void

    init(onReady: @escaping @Sendable (String, String) -> Void) {
        self.onReady = onReady
    }

    func setPublic(_ address: SocketAddress?, host: String) { set(address, host) { $0.publicURL = $1 } }
    func setAdmin(_ address: SocketAddress?, host: String) { set(address, host) { $0.adminURL = $1 } }

    private func set(
        _ address: SocketAddress?, _ host: String,
        _ store: (inout (publicURL: String?, adminURL: String?), String) -> Void
    ) {
        let shown = host == "0.0.0.0" || host == "::" ? "127.0.0.1" : host
        let url = "http://\(shown.contains(":") ? "[\(shown)]" : shown):\(address?.port ?? 0)"
        let both: (String, String)? = state.withLock { state in
            store(&state, url)
            if let publicURL = state.publicURL, let adminURL = state.adminURL { return (publicURL, adminURL) }
            return nil
        }
        if let both { onReady(both.0, both.1) }
    }
}
