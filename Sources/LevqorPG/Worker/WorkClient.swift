import Foundation

/// The calls of a worker to the API. The address is the operator's own choice, so none is refused.
struct WorkClient: Sendable {
    private static let mostAnswer = 64 * 1024 * 1024
    private static let patience = Duration.seconds(20)

    private let transport: HTTPTransport
    private let base: String
    private let headers: [(name: String, value: String)]

    init(url: String, key: String) {
        transport = HTTPTransport(
            .init(
                userAgent: "levqor-worker/\(LevqorServer.version)",
                addressGuard: AddressGuard(allowing: [CIDR(v4: 0, 0, 0, 0, prefix: 0), CIDR(v6: 0, prefix: 0)]),
                certificateAuthorityFile: ProcessInfo.processInfo.environment["LEVQOR_CA_FILE"].flatMap {
                    $0.isEmpty ? nil : $0
                }
            )
        )
        base = String(url.reversed().drop { $0 == "/" }.reversed())
        headers = [("X-Api-Key", key), ("Content-Type", "application/json"), ("Accept", "application/json")]
    }

    /// Sends once.
    ///
    /// - Parameter waiting: how much longer than usual the answer may take.
    func post(_ path: String, _ body: JSONValue, waiting: Duration = .zero) async -> WorkAnswer {
        let outcome = await transport.send(
            OutboundRequest(
                id: path, method: "POST", url: base + path, headers: headers, body: JSONText.encode(body),
                totalTimeout: Self.patience + waiting, responseCap: Self.mostAnswer
            )
        )
        switch outcome {
        case .failure(let failure) where [.invalidURL, .invalidRequest].contains(failure.kind):
            return .refused(WorkRefusal(failure))
        case .failure(let failure): return .away(failure.description)
        case .response(let response) where (200...299).contains(response.status):
            if response.body.isEmpty { return .done(.null) }
            guard !response.truncated, let value = try? JSONParser.parse(String(decoding: response.body, as: UTF8.self))
            else { return .away("the answer cannot be read") }
            return .done(value)
        case .response(let response): return .refused(WorkRefusal(response))
        }
    }

    func shutdown() async { await transport.shutdown() }
}
