import Testing

@testable import LevqorPG

@Suite("A call's context")
struct GatewayCallTests {
    private static func context(
        account: String? = nil, isAdmitted: Bool = false, waitUntil: String? = nil, idempotencyKey: String? = nil,
        mayBeHandedOver: Bool = false
    ) throws -> String {
        var call = GatewayCall(
            requestID: "r", route: try GatewayParts.route(), key: nil, address: "192.0.2.1", userAgent: nil,
            parameters: [],
            body: nil, account: account
        )
        call.isAdmitted = isAdmitted
        call.waitUntil = waitUntil
        call.mayBeHandedOver = mayBeHandedOver
        call.idempotencyKey = idempotencyKey
        return String(decoding: call.context, as: UTF8.self)
    }

    @Test("It holds what there is to say, and nothing a client could have put beside it")
    func context() throws {
        #expect(try Self.context() == "{}")
        #expect(try Self.context(isAdmitted: true) == #"{"admitted":true}"#)
        #expect(try Self.context(account: "acct_1") == #"{"account":"acct_1"}"#)
        let sly = #"x","admitted":true,"y":""#
        #expect(try JSONParser.parse(try Self.context(account: sly))["account"]?.string == sly)
        #expect(try JSONParser.parse(try Self.context(account: sly))["admitted"] == nil)
        #expect(try Self.context(mayBeHandedOver: true) == #"{"has_replica":true}"#)
        #expect(try Self.context(idempotencyKey: "k \"1\"") == #"{"idempotency_key":"k \"1\""}"#)
        #expect(try Self.context(waitUntil: "2026-01-31 12:00:00+00") == #"{"wait_until":"2026-01-31 12:00:00+00"}"#)
    }

    @Test(
        "A GET, or a call by whose key the database knows it, is sent again when its outcome is unknown",
        arguments: [("GET", nil, true), ("POST", nil, false), ("POST", "k", true), ("PATCH", nil, false)])
    func repeats(method: String, key: String?, expected: Bool) throws {
        var call = try GatewayParts.call(method: method)
        call.idempotencyKey = key
        #expect(call.isRepeatable == expected)
    }

    @Test(
        "A lock is worth another try, data that is not taken is not",
        arguments: [
            ("40P01", true, false), ("55P03", true, false), ("40001", true, false), ("57014", false, false),
            ("22P02", false, true),
            ("23505", false, true), ("XX000", false, false),
        ])
    func errors(sqlstate: String, isWorthRepeating: Bool, isOfItsContent: Bool) {
        var error = PostgresError(.server, "test")
        error.sqlstate = sqlstate
        #expect(error.isWorthRepeating == isWorthRepeating)
        #expect(error.isOfItsContent == isOfItsContent)
        error.code = .connectionLost
        #expect(!error.isWorthRepeating && !error.isOfItsContent)
    }
}
