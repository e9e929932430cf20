/// The part of a check that looks at the environment alone. Pure: it reads what it is given.
struct CheckedSettings: Sendable {
    /// The environment variables.
    let variables: [String: String]
    /// Whether the server runs a PostgreSQL of its own.
    let isEmbedded: Bool

    static let defaultConnections = 4

    private func text(_ name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }

    var findings: [CheckFinding] {
        [masterKey, networks("LEVQOR_TRUSTED_PROXIES"), networks("LEVQOR_ALLOWED_NETWORKS")].compactMap(\.self)
            + [
                number("LEVQOR_PORT", 0...65535), number("LEVQOR_ADMIN_PORT", 0...65535),
                number("LEVQOR_CONNECTIONS", 1...64), number("LEVQOR_DRAIN_SECONDS", 0...15),
            ]
            .compactMap(\.self)
    }

    /// How many connections the server opens for requests.
    var connections: Int { text("LEVQOR_CONNECTIONS").flatMap { Int($0) } ?? Self.defaultConnections }

    /// Where the server will listen; port 0 is left out, as any port will do.
    var endpoints: [(variable: String, host: String, port: Int)] {
        let all = [("LEVQOR_PORT", "LEVQOR_HOST", 8080), ("LEVQOR_ADMIN_PORT", "LEVQOR_ADMIN_HOST", 9464)]
        return all.compactMap { variable, host, fallback in
            guard let port = text(variable).map({ Int($0) }) ?? fallback, (1...65535).contains(port) else { return nil }
            return (variable, text(host) ?? "127.0.0.1", port)
        }
    }

    private var masterKey: CheckFinding {
        let howTo =
            "Set LEVQOR_MASTER_KEY to what `openssl rand -hex 32` prints, and keep a copy: signing secrets come from it."
        guard let key = text("LEVQOR_MASTER_KEY") else {
            return isEmbedded
                ? .ok("The master key is kept in the server's folder, where the first start makes it.")
                : .error("There is no master key.", howTo)
        }
        do {
            return .ok("The master key has \(try MasterKey(key).bytes.count) bytes.")
        } catch .tooShort(let count) {
            return .error("The master key has \(count) bytes, \(MasterKey.shortest) are needed.", howTo)
        } catch {
            return .error("The master key is neither hex nor base64.", howTo)
        }
    }

    private func networks(_ name: String) -> CheckFinding? {
        guard let text = text(name) else { return nil }
        do {
            let ranges = try CIDR.list(text)
            // Whoever connects could claim any address.
            if name == "LEVQOR_TRUSTED_PROXIES", ranges.contains(where: { $0.prefix == 0 }) {
                return .warning(
                    "\(name) trusts everybody, so anybody can claim any address.", "Name the proxies' own addresses."
                )
            }
            return .ok("\(name): \(ranges.map(\.description).joined(separator: ", ")).")
        } catch {
            return .error(
                "\(name) cannot be read: \(error).", "Write addresses or ranges with commas: 10.0.0.0/8, 192.0.2.7.")
        }
    }

    private func number(_ name: String, _ range: ClosedRange<Int>) -> CheckFinding? {
        guard let text = text(name) else { return nil }
        if let number = Int(text), range.contains(number) { return nil }
        return .error("\(name) is \(text).", "Set it to a number from \(range.lowerBound) to \(range.upperBound).")
    }
}
