import CryptoExtras
import Foundation
import Testing

@testable import LevqorPG

@Suite("Access tokens of service accounts", .timeLimit(.minutes(2)))
struct ServiceAccountTests {
    private static let key = try? _RSA.Signing.PrivateKey(keySize: .bits2048)
    private static let now = 1_700_000_000

    /// Signs with an account whose tokens a receiver gives.
    private struct Account {
        let receiver: LoopbackReceiver
        let signer: RequestSigner
        let transport: HTTPTransport

        init(_ answer: @escaping @Sendable (Int) -> (String, String), held: DispatchSemaphore? = nil) throws {
            let count = Locked(0)
            receiver = try LoopbackReceiver { connection, _ in
                let number = count.withLock { count in
                    count += 1
                    return count
                }
                held?.wait()
                let (status, body) = answer(number)
                connection.answer(status, body)
                return .keep
            }
            transport = try HTTPTransport.forLoopback()
            signer = RequestSigner(
                credentials: Credentials(
                    environment: ["LEVQOR_CREDENTIAL_ROBOT": try ServiceAccountTests.file(receiver.port)]),
                transport: transport
            )
        }

        func sign(_ scopes: String = #"["a", "b"]"#, at time: Int = now, more: String = "") async throws -> String {
            let specification =
                #"{"scheme": "google-service-account", "credential": "robot", "scopes": \#(scopes)\#(more)}"#
            let signed = await signer.sign(
                OutboundRequest.get("https://api.example.com/"), with: try JSONParser.parse(specification), at: time)
            return try signed.get().headers.first { $0.name == "Authorization" }?.value ?? ""
        }

        func end() async {
            await transport.shutdown()
            receiver.stop()
        }
    }

    static func file(_ port: UInt16) throws -> String {
        JSONText.string(
            .object([
                ("type", .string("service_account")), ("client_email", .string("robot@example.iam")),
                ("private_key_id", .string("k1")), ("private_key", .string(try #require(key).pkcs8PEMRepresentation)),
                ("token_uri", .string("http://127.0.0.1:\(port)/token")),
            ]))
    }

    private static func token(_ number: Int) -> (String, String) {
        ("200 OK", #"{"access_token": "t\#(number)", "expires_in": 3600, "token_type": "Bearer"}"#)
    }

    private static func decode(_ part: Substring) throws -> JSONValue {
        try JSONParser.parse(String(decoding: try bytes(part), as: UTF8.self))
    }

    private static func bytes(_ part: Substring) throws -> Data {
        var text = String(part).replacing("-", with: "+").replacing("_", with: "/")
        while !text.count.isMultiple(of: 4) { text += "=" }
        return try #require(Data(base64Encoded: text))
    }

    @Test("A signed claim by RFC 7523 is exchanged for the token")
    func exchange() async throws {
        let account = try Account(Self.token)
        #expect(try await account.sign(more: #", "subject": "someone@example.com""#) == "Bearer t1")
        let request = try await next(of: account.receiver.arrivals)
        #expect(request.line == "POST /token HTTP/1.1")
        #expect(request.header("content-type") == "application/x-www-form-urlencoded")
        let form = String(decoding: request.body, as: UTF8.self)
        let prefix = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
        #expect(form.hasPrefix(prefix))
        let parts = form.dropFirst(prefix.count).split(separator: ".")
        #expect(parts.count == 3)
        #expect(try Self.decode(parts[0]) == JSONParser.parse(#"{"alg": "RS256", "typ": "JWT", "kid": "k1"}"#))
        #expect(
            try Self.decode(parts[1])
                == JSONParser.parse(
                    #"{"iss": "robot@example.iam", "sub": "someone@example.com", "scope": "a b", "iat": 1700000000, "exp": 1700003600, "aud": "http://127.0.0.1:\#(account.receiver.port)/token"}"#
                ))
        let raw = _RSA.Signing.RSASignature(rawRepresentation: try Self.bytes(parts[2]))
        #expect(
            try #require(Self.key).publicKey.isValidSignature(
                raw, for: Data("\(parts[0]).\(parts[1])".utf8), padding: .insecurePKCS1v1_5))
        await account.end()
    }

    @Test("A token is used until a minute before its end, and is one for each set of scopes")
    func kept() async throws {
        let account = try Account(Self.token)
        #expect(try await account.sign() == "Bearer t1")
        #expect(try await account.sign(at: Self.now + 3539) == "Bearer t1")
        #expect(try await account.sign(#"["c"]"#) == "Bearer t2")
        #expect(try await account.sign(at: Self.now + 3540) == "Bearer t3")
        await account.end()
    }

    @Test("Fifty who need a token at once share one exchange")
    func shared() async throws {
        let held = DispatchSemaphore(value: 0)
        let account = try Account(Self.token, held: held)
        let tokens = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { try await account.sign() } }
            _ = try await next(of: account.receiver.arrivals)
            held.signal()
            return try await group.reduce(into: [String]()) { $0.append($1) }
        }
        #expect(tokens == Array(repeating: "Bearer t1", count: 50))
        #expect(account.receiver.connectionCount == 1)
        await account.end()
    }

    @Test("A refusal is told by its code alone, is kept for nobody, and the next one asks again")
    func refused() async throws {
        let account = try Account { number in
            number == 1
                ? ("400 Bad Request", #"{"error": "invalid_grant", "error_description": "of assertion eyJhbGci"}"#)
                : number == 2 ? ("200 OK", "no JSON") : Self.token(number)
        }
        let first = await #expect(throws: OutboundFailure.self) { try await account.sign() }
        #expect(first?.kind == .tokenRefused)
        #expect(first?.message == "the token for robot was refused: 400 invalid_grant")
        let second = await #expect(throws: OutboundFailure.self) { try await account.sign() }
        #expect(second?.message == "the token for robot was refused: 200")
        #expect(try await account.sign() == "Bearer t3")
        await account.end()
    }

    @Test(
        "A key file that is none is unusable, and nothing of it is shown",
        arguments: [
            "no JSON", "[]", "{}", #"{"type": "authorized_user", "client_email": "a", "private_key": "secret"}"#,
            #"{"type": "service_account", "client_email": "a"}"#,
            #"{"type": "service_account", "client_email": "a", "private_key": "secret"}"#,
            #"{"type": "service_account", "client_email": "a", "private_key": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"}"#,
        ])
    func unusable(file: String) {
        let failure = #expect(throws: OutboundFailure.self) {
            try ServiceAccountKey(Credential(name: "robot", text: file)).assertion(scopes: ["a"], subject: nil, at: 1)
        }
        #expect(failure?.kind == .credentialUnusable)
        #expect(failure?.message.contains("secret") == false && failure?.message.contains("c2Vj") == false)
    }
}
