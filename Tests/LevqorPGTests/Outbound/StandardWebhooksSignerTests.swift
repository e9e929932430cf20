import Testing

@testable import LevqorPG

@Suite("The Standard Webhooks signer")
struct StandardWebhooksSignerTests {
    struct Vector: Sendable {
        var secret: String
        var id: String
        var timestamp: Int64
        var body: String
        var signature: String
    }

    /// Made with `Webhook(secret).sign(...)` of the official Python package standardwebhooks 1.1.0.
    static let vectors = [
        Vector(
            secret: "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: #"{"test": 2432232314}"#,
            signature: "v1,/485aUtxlie+TIScVpHggMfqOB4so2KWb7+Gf727B44="
        ),
        Vector(
            secret: "whsec_BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY=",
            id: "evt_1",
            timestamp: 1_700_000_000,
            body: "",
            signature: "v1,yqd+CZYreId3OEzNFmGNnU6BG2oiYYm4blCeR3KCLl0="
        ),
        Vector(
            secret: "whsec_yMnKy8zNzs/Q0dLT1NXW19jZ2tvc3d7f4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8AAQIDBAUGBw==",
            id: "0192f0c1-7f00-7000-8000-000000000001",
            timestamp: 4_102_444_800,
            body: "{\"name\":\"Zo\u{eb} \u{2603}\",\"n\":1.50}\n",
            signature: "v1,pSK95hiVSHts6kxEHkv9gChGFJllVgW+p5Fi20B76CI="
        ),
        Vector(
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: #"{"test": 2432232314}"#,
            signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        ),
    ]

    @Test("it signs as the official package does", arguments: vectors)
    func officialVector(vector: Vector) throws {
        let signer = try StandardWebhooksSigner(secrets: [SigningSecret(vector.secret)])
        let headers = try signer.headers(id: vector.id, timestamp: vector.timestamp, body: Array(vector.body.utf8))
        #expect(headers.map(\.name) == ["webhook-id", "webhook-timestamp", "webhook-signature"])
        #expect(headers.map(\.value) == [vector.id, String(vector.timestamp), vector.signature])
    }

    @Test("every secret signs, the newest first")
    func rotation() throws {
        let signer = try StandardWebhooksSigner(
            secrets: [Self.vectors[3], Self.vectors[0]].map { try SigningSecret($0.secret) })
        let vector = Self.vectors[0]
        let headers = try signer.headers(id: vector.id, timestamp: vector.timestamp, body: Array(vector.body.utf8))
        #expect(headers.last?.value == "\(Self.vectors[3].signature) \(Self.vectors[0].signature)")
    }

    @Test(
        "an id that could be read in two ways is refused",
        arguments: ["", "a.b", ".", "a b", "a\nb", "a\u{0}", "\u{e9}"])
    func unusableID(id: String) throws {
        let signer = try StandardWebhooksSigner(secrets: [SigningSecret(Self.vectors[0].secret)])
        #expect(throws: StandardWebhooksSigner.SigningError.unusableID) {
            try signer.headers(id: id, timestamp: 1, body: [])
        }
    }

    @Test("a time before 1970 and a signer without a secret are refused")
    func unusable() throws {
        let signer = try StandardWebhooksSigner(secrets: [SigningSecret(Self.vectors[0].secret)])
        #expect(throws: StandardWebhooksSigner.SigningError.unusableTimestamp) {
            try signer.headers(id: "a", timestamp: 0, body: [])
        }
        #expect(throws: StandardWebhooksSigner.SigningError.noSecret) { try StandardWebhooksSigner(secrets: []) }
    }

    @Test(
        "a secret has a prefix, base64 and 24 to 64 bytes",
        arguments: [
            ("", SigningSecret.ParseError.prefixMissing), ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", .prefixMissing),
            ("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", .prefixMissing), ("whsec_", .length(0)),
            ("whsec_!!!!", .notBase64), ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", .notBase64),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", .notBase64),
            ("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=", .length(23)),
            ("whsec_" + String(repeating: "AAAA", count: 21) + "AAA=", .length(65)),
        ]
    )
    func badSecret(text: String, error: SigningSecret.ParseError) {
        #expect(throws: error) { try SigningSecret(text) }
    }

    @Test("a secret gives its text back, and hides it from descriptions")
    func secretText() throws {
        let secret = try SigningSecret(Self.vectors[0].secret)
        #expect(secret.text == Self.vectors[0].secret)
        var dumped = ""
        dump(secret, to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\([secret])", dumped] {
            #expect(!text.contains("AAEC") && !text.contains("bytes"), "\(text)")
        }
    }
}
