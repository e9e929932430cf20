/// One claimed row of the outbox: what to send, and under which lease.
struct OutboxMessage: Sendable {
    /// By which transport it goes, with what only that one needs.
    enum Content: Sendable {
        case request
        case mail(JSONValue)
    }

    let accountID: String
    let id: String
    let token: String
    let messageID: String
    let method: String
    let url: String
    let headers: [(name: String, value: String)]
    let body: [UInt8]
    /// Names of derived secrets, newest first; empty: not signed.
    let signingSecrets: [String]
    /// How it is signed besides, by the name of a credential; nil: not.
    let signer: JSONValue?
    let content: Content
    let timeout: Duration
    let responseCap: Int
    /// How many bytes of the answer's body the report holds.
    let bodyKept: Int

    /// The request to send, signed at this time over exactly these bytes.
    func request(signedWith masterKey: MasterKey, at timestamp: Int) -> Result<OutboundRequest, OutboundFailure> {
        var headers = headers
        if !signingSecrets.isEmpty {
            do {
                let secrets = try signingSecrets.map { try DerivedSecret.make(from: masterKey, name: $0) }
                headers += try StandardWebhooksSigner(secrets: secrets).headers(
                    id: messageID, timestamp: Int64(timestamp), body: body)
            } catch {
                return .failure(OutboundFailure(.internal, "the message could not be signed"))
            }
        }
        return .success(
            OutboundRequest(
                id: messageID, method: method, url: url, headers: headers, body: body, totalTimeout: timeout,
                responseCap: responseCap
            )
        )
    }

    /// What outbox.report_outcomes wants to know.
    func report(_ outcome: OutboundOutcome, startedAt: WallClock, finishedAt: WallClock) -> JSONValue {
        var members: [(String, JSONValue?)] = [
            ("account_id", .string(accountID)), ("id", .string(id)), ("token", .string(token)),
            ("started_at", .string(startedAt.text)), ("finished_at", .string(finishedAt.text)),
        ]
        switch outcome {
        case .response(let response):
            members += [
                ("outcome", .string("response")),
                ("status", .int(response.status)),
                ("headers", .object(Self.kept(response.headers))),
                ("body", .string(Self.printable(response.body.prefix(bodyKept)))),
                ("remote_address", .string(response.remoteAddress)),
                ("retry_after", response.header("retry-after").map(JSONValue.string)),
                (
                    "timing",
                    .object([
                        ("name_lookup", .milliseconds(response.timing.nameLookup)),
                        ("connect", .milliseconds(response.timing.connect)),
                        ("tls", .milliseconds(response.timing.tls)),
                        ("first_byte", .milliseconds(response.timing.firstByte)),
                        ("total", .milliseconds(response.timing.total)),
                    ])
                ),
            ]
        case .failure(let failure):
            members += [
                ("outcome", .string("failure")),
                ("kind", .string(failure.kind.rawValue)),
                ("message", .string(Self.withoutNUL(failure.message))),
            ]
        }
        return .object(members)
    }

    /// A response head is kept for people to look at: no cookies, the last of a repeated name.
    private static func kept(_ headers: [OutboundResponse.Header]) -> [(String, JSONValue?)] {
        var seen: [String: String] = [:]
        for header in headers where header.name != "set-cookie" { seen[header.name] = header.value }
        return seen.sorted { $0.key < $1.key }.map { name, value in
            (withoutNUL(name), .string(withoutNUL(String(value.prefix(1024)))))
        }
    }

    /// The beginning of a body as text that PostgreSQL can keep.
    private static func printable(_ body: ArraySlice<UInt8>) -> String {
        withoutNUL(String(decoding: body, as: UTF8.self))
    }

    /// PostgreSQL keeps every character but U+0000.
    private static func withoutNUL(_ text: String) -> String {
        text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text
    }
}
