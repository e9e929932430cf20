import Foundation
import Testing

@testable import LevqorPG

@Suite("Call-outs", .timeLimit(.minutes(2)))
struct CallOutTests {
    private static func callOut(_ request: String) throws -> CallOut {
        try #require(
            CallOut(
                try JSONParser.parse(
                    #"{"request": \#(request), "function": "api.f", "state": {"n": 1.50}, "caller": {"key_id": "k"}, "round": 1}"#
                )))
    }

    private static func callOuts(_ transport: HTTPTransport, most: Int = CallOuts.most) -> CallOuts {
        CallOuts(
            transport: transport,
            signer: RequestSigner(credentials: Credentials(environment: [:]), transport: transport), most: most)
    }

    @Test("What SQL gave goes back as it was, with the outcome, and without the request")
    func continued() throws {
        let callOut = try Self.callOut(#"{"url": "https://example.com/"}"#)
        #expect(
            String(decoding: callOut.continued(with: .string("o")), as: UTF8.self)
                == #"{"function":"api.f","state":{"n":1.50},"caller":{"key_id":"k"},"round":1,"outcome":"o"}"#)
        #expect(CallOut(.object([])) == nil)
        #expect(CallOut(.null) == nil)
    }

    @Test(
        "The time is bounded, whatever the row says",
        arguments: [
            ("", 10_000), (#", "timeout_ms": 5"#, 5), (#", "timeout_ms": 1e9"#, 30_000), (#", "timeout_ms": -1"#, 1),
        ])
    func timeout(member: String, milliseconds: Int) throws {
        #expect(
            try Self.callOut(#"{"url": "x"\#(member)}"#).outbound(id: "r").totalTimeout == .milliseconds(milliseconds))
    }

    @Test("The context of a continued call holds the continuation, and no client's text reaches beyond its own member")
    func context() throws {
        let route = Route(
            id: 1, method: "POST", path: "/x", version: 1, lane: .gathered, timeout: .seconds(5), bodyCap: 10,
            body: nil,
            parameters: [:])
        var call = GatewayCall(
            requestID: "r", route: route, key: nil, address: "192.0.2.1", userAgent: nil, parameters: Array("{}".utf8),
            body: nil, account: #"x","continue":{"function":"api.g"},"y":""#, idempotencyKey: #"","continue":{}"#)
        #expect(try JSONParser.parse(String(decoding: call.context, as: UTF8.self))["continue"] == nil)
        call.isAdmitted = true
        call.continuation = Array(#"{"function":"api.f"}"#.utf8)
        let context = try JSONParser.parse(String(decoding: call.context, as: UTF8.self))
        #expect(context["continue"]?["function"]?.string == "api.f")
        #expect(context["admitted"]?.bool == true)
    }

    @Test("An answer is told with its last headers, without cookies and without what PostgreSQL can not keep")
    func outcome() throws {
        let response = OutboundResponse(
            status: 404,
            headers: [
                .init(name: "set-cookie", value: "a=b"), .init(name: "x", value: "1"), .init(name: "x", value: "2\0"),
            ], body: Array("a\0b".utf8) + [0xff], truncated: true, timing: OutboundTiming(),
            remoteAddress: "192.0.2.1:80")
        #expect(
            CallOutOutcome.describe(.response(response))
                == (try JSONParser.parse(
                    #"{"state": "dead", "status": 404, "headers": {"x": "2\ufffd"}, "body": "a\ufffdb\ufffd", "is_truncated": true, "kind": null, "error": null}"#
                )))
        let failure = CallOutOutcome.describe(.failure(OutboundFailure(.timeout, "late")))
        #expect(failure["kind"]?.string == "timeout")
        #expect(failure["state"]?.string == "dead")
        #expect(failure["error"]?.string == "late")
    }

    @Test("A task that is cancelled still gets what the outside says: the transfer goes on")
    func cancelled() async throws {
        let held = DispatchSemaphore(value: 0)
        let receiver = try LoopbackReceiver { connection, _ in
            held.wait()
            connection.answer("200 OK", "kept")
            return .keep
        }
        let transport = try HTTPTransport.forLoopback()
        let callOuts = Self.callOuts(transport)
        let callOut = try Self.callOut(#"{"url": "http://127.0.0.1:\#(receiver.port)/"}"#)
        let asking = Task { await callOuts.perform(callOut, requestID: "r") }
        _ = try await next(of: receiver.arrivals)
        #expect(callOuts.inFlight == 1)
        asking.cancel()
        held.signal()
        #expect(await asking.value.response?.text == "kept")
        #expect(callOuts.inFlight == 0)
        await transport.shutdown()
        receiver.stop()
    }

    @Test("Beyond the bound nothing is sent, and the continuation is told so")
    func bound() async throws {
        let held = DispatchSemaphore(value: 0)
        let receiver = try LoopbackReceiver { connection, _ in
            held.wait()
            connection.answer("200 OK")
            return .keep
        }
        let transport = try HTTPTransport.forLoopback()
        let callOuts = Self.callOuts(transport, most: 1)
        let callOut = try Self.callOut(#"{"url": "http://127.0.0.1:\#(receiver.port)/"}"#)
        let first = Task { await callOuts.perform(callOut, requestID: "r") }
        _ = try await next(of: receiver.arrivals)
        #expect(await callOuts.perform(callOut, requestID: "s").failureKind == .busy)
        #expect(receiver.connectionCount == 1)
        held.signal()
        #expect(await first.value.response?.status == 200)
        held.signal()
        #expect(await callOuts.perform(callOut, requestID: "t").response?.status == 200)
        await transport.shutdown()
        receiver.stop()
    }

    @Test("A call-out that can not be signed is not sent")
    func unsigned() async throws {
        let transport = HTTPTransport.guarded()
        let outcome = await Self.callOuts(transport).perform(
            try Self.callOut(#"{"url": "https://example.com/", "signer": {"scheme": "bearer", "credential": "none"}}"#),
            requestID: "r")
        #expect(outcome.failureKind == .credentialMissing)
        await transport.shutdown()
    }
}
