import NIOCore

/// Collects the ports that were bound, and tells when all are.
final class Addresses: Sendable {
    private let state = Locked<(publicURL: String?, adminURL: String?)>((nil, nil))
    private let isPublic: Bool
    private let onReady: @Sendable (String?, String) -> Void

    /// - Parameter isPublic: whether there is a public address besides that for metrics and health.
    init(isPublic: Bool, onReady: @escaping @Sendable (String?, String) -> Void) {
        self.isPublic = isPublic
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
        let all: (String?, String)? = state.withLock { state in
            store(&state, url)
            guard let adminURL = state.adminURL, !isPublic || state.publicURL != nil else { return nil }
            return (state.publicURL, adminURL)
        }
        if let all { onReady(all.0, all.1) }
    }
}
