extension OutboxMessage {
    static let claimStatement = """
        select account_id, id, token, message_id, method, url, headers, body, signing_secrets, timeout_ms, response_cap,
            signer, mail, body_kept
        from outbox.claim_messages($1, $2)
        """

    /// - Throws: `PostgresError` `.invalidResult` when a column is missing.
    init(_ row: PostgresRow) throws {
        func text(_ name: String) throws -> String {
            guard let value = try row.string(name) else {
                throw PostgresError(.invalidResult, "\(name) is null in a claimed message")
            }
            return value
        }
        accountID = try text("account_id")
        id = try text("id")
        token = try text("token")
        messageID = try text("message_id")
        method = try text("method")
        url = try text("url")
        let fields = try row.string("headers").map { try JSONParser.parse($0) }?.object?.members ?? []
        headers = fields.compactMap { field in field.value.string.map { (field.name, $0) } }
        body = Array((try row.string("body") ?? "").utf8)
        signingSecrets = row.withBytes(8) { $0.map { PostgresArrayText.elements($0) } ?? [] }
        timeout = .milliseconds(try row.int("timeout_ms") ?? 30_000)
        responseCap = try row.int("response_cap") ?? 65_536
        signer = try row.string("signer").map { try JSONParser.parse($0) }
        content = try row.string("mail").map { .mail(try JSONParser.parse($0)) } ?? .request
        bodyKept = try row.int("body_kept") ?? 2048
    }
}
