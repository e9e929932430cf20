import Testing

@testable import LevqorPG

@Suite("Sending claimed messages", .timeLimit(.minutes(1)))
struct OutboxSenderTests {
    private static let now = WallClock(seconds: 1_700_000_000, nanoseconds: 0)

    private static func message(
        url: String = "https://localhost/", signer: JSONValue? = nil, content: OutboxMessage.Content = .request
    ) -> OutboxMessage {
        OutboxMessage(
            accountID: "a", id: "i", token: "1", messageID: "msg_1", method: "POST", url: url, headers: [], body: [],
            signingSecrets: [], signer: signer, content: content, timeout: .seconds(7), responseCap: 100,
            bodyKept: 2048
        )
    }

    private static func sender(sign: OutboxSender.Sign? = nil, mail: OutboxSender.Mail? = nil) throws -> OutboxSender {
        OutboxSender(
            transport: HTTPTransport(.init(userAgent: "test")),
            masterKey: try MasterKey(String(repeating: "ab", count: 32)), sign: sign, mail: mail
        )
    }

    @Test("A mail goes to the mail transport, under the message's id")
    func mail() async throws {
        let sender = try Self.sender(mail: { mail, id, timeout in
            .failure(OutboundFailure(.busy, "\(JSONText.string(mail)) \(id) \(timeout)"))
        })
        let outcome = await sender.send(
            Self.message(content: .mail(.object([("to", .string("x"))]))), at: Self.now)
        #expect(outcome == .failure(OutboundFailure(.busy, #"{"to":"x"} msg_1 7.0 seconds"#)))
    }

    @Test("Without a mail transport or a signer nothing is sent, and what was asked for may be tried again")
    func missing() async throws {
        let sender = try Self.sender()
        let mail = await sender.send(Self.message(content: .mail(.null)), at: Self.now)
        #expect(mail == .failure(OutboundFailure(.notConfigured, "this server sends no mail")))
        let signed = await sender.send(Self.message(signer: .object([])), at: Self.now)
        #expect(signed == .failure(OutboundFailure(.notConfigured, "this server has no signer")))
    }

    @Test("A request is signed by its signer, and what that refuses is not sent")
    func refused() async throws {
        let sender = try Self.sender(sign: { request, specification, time in
            .failure(OutboundFailure(.credentialMissing, "\(request.url) \(JSONText.string(specification)) \(time)"))
        })
        let outcome = await sender.send(Self.message(signer: .string("s")), at: Self.now)
        #expect(
            outcome
                == .failure(OutboundFailure(.credentialMissing, #"https://localhost/ "s" 1700000000"#)))
    }

    @Test("What the signer made of the request is what is sent")
    func signed() async throws {
        let sender = try Self.sender(sign: { request, _, _ in
            var request = request
            request.url = "http://127.0.0.1:9/"
            return .success(request)
        })
        // The address is judged when the connection is made, and this machine's own is refused.
        guard case .failure(let failure) = await sender.send(Self.message(signer: .null), at: Self.now) else {
            Issue.record("it was sent")
            return
        }
        #expect(failure.kind == .addressRefused)
        await sender.transport.shutdown()
    }

    @Test("Reports are sent in parts of bounded size, in their order")
    func parts() {
        let parts = OutboxReactor.parts((0..<501).map { .int($0) })
        #expect(parts.map(\.count) == [1, 250, 250])
        #expect(parts.last?.first.map(JSONText.string) == "0")
        #expect(OutboxReactor.parts([]).isEmpty)
    }
}
