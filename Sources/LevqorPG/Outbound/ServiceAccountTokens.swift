import Crypto
import Foundation

/// Access tokens of service accounts: exchanged once for all who need the same, kept until shortly before their end.
actor ServiceAccountTokens {
    /// What a token is for. Another key under the same name is another token.
    private struct Want: Hashable {
        let key: SHA256Digest
        let scopes: [String]
        let subject: String?
    }

    private struct Token {
        let text: String
        let usableUntil: Int
    }

    /// Nothing that a token is used for takes longer.
    private static let margin = 60
    private static let longestExchange = Duration.seconds(10)
    private static let mostKept = 256

    private let transport: HTTPTransport
    private var kept: [Want: Token] = [:]
    private var running: [Want: Task<Result<Token, OutboundFailure>, Never>] = [:]

    init(transport: HTTPTransport) { self.transport = transport }

    /// A token that is good for at least a minute.
    ///
    /// Who asks while an exchange for the same is under way waits for that one. Its failure is kept for nobody.
    func token(
        of key: ServiceAccountKey, scopes: [String], subject: String?, at time: Int, timeout: Duration
    ) async throws(OutboundFailure) -> String {
        let want = Want(key: SHA256.hash(data: Data(key.credential.text.utf8)), scopes: scopes, subject: subject)
        if let token = kept[want], token.usableUntil > time { return token.text }
        if let exchange = running[want] { return try await exchange.value.get().text }
        let request = try Self.request(
            key, key.assertion(scopes: scopes, subject: subject, at: time), min(timeout, Self.longestExchange))
        // Not cancelled with the first who asked: others wait for it too.
        let exchange = Task { [transport] in
            Self.read(await transport.send(request), of: key.credential, at: time)
        }
        running[want] = exchange
        let result = await exchange.value
        running[want] = nil
        let token = try result.get()
        keep(token, want, at: time)
        return token.text
    }

    private func keep(_ token: Token, _ want: Want, at time: Int) {
        if kept.count >= Self.mostKept { kept = kept.filter { $0.value.usableUntil > time } }
        if kept.count >= Self.mostKept { kept = [:] }
        kept[want] = token
    }

    private static func request(_ key: ServiceAccountKey, _ assertion: String, _ timeout: Duration) -> OutboundRequest {
        // An assertion has no character that a form would encode.
        let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=\(assertion)"
        return OutboundRequest(
            id: "token-\(key.credential.name)", method: "POST", url: key.tokenURL,
            headers: [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")],
            body: Array(form.utf8), totalTimeout: timeout
        )
    }

    private static func read(
        _ outcome: OutboundOutcome, of credential: Credential, at time: Int
    ) -> Result<Token, OutboundFailure> {
        let response: OutboundResponse
        switch outcome {
        case .failure(let failure):
            return .failure(
                OutboundFailure(failure.kind, "the token for \(credential.name) could not be had: \(failure.message)"))
        case .response(let answer): response = answer
        }
        let answer = try? JSONParser.parse(String(decoding: response.body, as: UTF8.self))
        guard response.status == 200, let text = answer?["access_token"]?.string, !text.isEmpty else {
            // Of the answer only what OAuth has as a code: the rest may quote the request.
            let code = answer?["error"]?.string.flatMap { $0.wholeMatch(of: /[a-z_]{1,40}/) }.map { " \($0.output)" }
            return .failure(
                OutboundFailure(
                    .tokenRefused, "the token for \(credential.name) was refused: \(response.status)\(code ?? "")"))
        }
        let seconds = answer?["expires_in"]?.number?.int64.map { Int(min(max($0, 0), 86400)) } ?? 0
        return .success(Token(text: text, usableUntil: time + seconds - margin))
    }
}
