import Foundation
import Testing

@testable import LevqorPG

@Suite("The signer of requests")
struct RequestSignerTests {
    private static let signer = RequestSigner(
        credentials: Credentials(
            environment: [
                "LEVQOR_CREDENTIAL_KEY": "It's a secret", "LEVQOR_CREDENTIAL_PASSWORD": "open sesame",
                "LEVQOR_CREDENTIAL_HOOK": "https://hooks.example.com/T0/B1/x%2Fy",
                "LEVQOR_CREDENTIAL_TOKEN": "12:A/b c?é",
            ]),
        transport: HTTPTransport.guarded()
    )

    private func sign(
        _ specification: String, _ url: String = "https://api.example.com/v1",
        headers: [(String, String)] = [], body: String = ""
    ) async throws -> Result<OutboundRequest, OutboundFailure> {
        await Self.signer.sign(
            OutboundRequest(id: "r", method: "POST", url: url, headers: headers, body: Array(body.utf8)),
            with: try JSONParser.parse(specification), at: 1_700_000_000
        )
    }

    @Test("Bearer, Basic and a header of any name take the place of one that is there")
    func headers() async throws {
        let cases = [
            (#"{"scheme": "bearer", "credential": "key"}"#, "Authorization", "Bearer It's a secret"),
            // The example of RFC 7617.
            (
                #"{"scheme": "basic", "credential": "password", "user": "Aladdin"}"#, "Authorization",
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
            ),
            (#"{"scheme": "header", "credential": "key", "name": "X-Key"}"#, "X-Key", "It's a secret"),
        ]
        for (specification, name, value) in cases {
            let signed = try await sign(specification, headers: [("a", "b"), (name.lowercased(), "old")]).get()
            #expect(signed.headers.map { "\($0.name)=\($0.value)" } == ["a=b", "\(name)=\(value)"])
        }
    }

    @Test(
        "HMAC-SHA256 is what Python's hmac gives, over the very bytes",
        arguments: [
            (#""encoding": "hex""#, "c4ceda4180ba42d81ed7903f34855096892eb3777f7ab4d89af6500e0bf6b451"),
            (#""encoding": "base64""#, "xM7aQYC6Qtge15A/NIVQlokus3d/erTYmvZQDgv2tFE="),
            (#""prefix": "sha256=""#, "sha256=c4ceda4180ba42d81ed7903f34855096892eb3777f7ab4d89af6500e0bf6b451"),
            (
                #""content": "timestamp.body", "timestamp_header": "X-Timestamp""#,
                "776b4354934e8d8065920d2670c7d35662cc6dd2fbd37ac91037efcc5d88a560"
            ),
            (
                #""content": "timestamp.body", "encoding": "base64", "prefix": "t={timestamp},v1=""#,
                "t=1700000000,v1=d2tDVJNOjYBlkg0mcMfTVmLMbdL703rJEDfvzF2IpWA="
            ),
        ])
    func hmac(options: String, expected: String) async throws {
        let signed = try await sign(
            #"{"scheme": "hmac-sha256", "credential": "key", "header": "X-Signature", \#(options)}"#,
            headers: [("x-signature", "forged")], body: #"{"text":"naïve – ☃"}"#
        ).get()
        #expect(signed.headers.filter { $0.name.lowercased() == "x-signature" }.map(\.value) == [expected])
        #expect(
            signed.headers.first { $0.name == "X-Timestamp" }?.value
                == (options.contains("timestamp_header") ? "1700000000" : nil))
    }

    @Test("The whole URL may be the credential, or a part of its path or query, which it cannot leave")
    func urls() async throws {
        let whole = try await sign(#"{"scheme": "url", "credential": "hook"}"#, "https://credential.invalid/").get()
        #expect(whole.url == "https://hooks.example.com/T0/B1/x%2Fy")
        let part = #"{"scheme": "url-part", "credential": "token"}"#
        #expect(
            try await sign(part, "https://api.example.com/bot{credential}/send?k={credential}").get().url
                == "https://api.example.com/bot12:A%2Fb%20c%3F%C3%A9/send?k=12:A%2Fb%20c%3F%C3%A9")
        for url in [
            "https://{credential}/x", "https://{credential}.example.com/{credential}", "https://example.com/x", "x",
        ] {
            await #expect(throws: OutboundFailure.self) { try await sign(part, url).get() }
        }
    }

    @Test(
        "A specification that is none, or a credential that is not there, is a failure that shows no value",
        arguments: [
            ("{}", "invalid_request"), ("null", "invalid_request"), (#"{"scheme": "bearer"}"#, "invalid_request"),
            (#"{"scheme": "magic", "credential": "key"}"#, "invalid_request"),
            (#"{"scheme": "basic", "credential": "key"}"#, "invalid_request"),
            (#"{"scheme": "basic", "credential": "key", "user": "a:b"}"#, "invalid_request"),
            (#"{"scheme": "header", "credential": "key"}"#, "invalid_request"),
            (#"{"scheme": "hmac-sha256", "credential": "key"}"#, "invalid_request"),
            (#"{"scheme": "hmac-sha256", "credential": "key", "header": "h", "encoding": "utf8"}"#, "invalid_request"),
            (
                #"{"scheme": "hmac-sha256", "credential": "key", "header": "h", "content": "timestamp.body"}"#,
                "invalid_request"
            ),
            (#"{"scheme": "google-service-account", "credential": "key"}"#, "invalid_request"),
            (#"{"scheme": "google-service-account", "credential": "key", "scopes": ["a"]}"#, "credential_unusable"),
            (#"{"scheme": "bearer", "credential": "other"}"#, "credential_missing"),
        ])
    func failures(specification: String, kind: String) async throws {
        guard case .failure(let failure) = try await sign(specification) else {
            Issue.record("it was signed")
            return
        }
        #expect(failure.kind.rawValue == kind, "\(failure)")
        #expect(!failure.message.contains("secret"))
    }
}
