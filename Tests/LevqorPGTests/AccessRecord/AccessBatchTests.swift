import Testing

@testable import LevqorPG

@Suite("What the database is told of requests")
struct AccessBatchTests {
    private static let master = String(repeating: "5a", count: 32)

    private static func texts(_ batch: AccessLog.Batch) throws -> [String] {
        let hash = try AddressHash(try MasterKey(master))
        return AccessBatch.parameters(batch, server: "server-1", hash: hash).map { parameter in
            switch parameter {
            case .text(let text): text
            case .utf8(let bytes): String(decoding: bytes, as: UTF8.self)
            case .null, .bytes: "?"
            }
        }
    }

    @Test("Each column is an array of all rows")
    func columns() throws {
        let rows = [AccessLogTests.row("a", decision: #"{"flags":["x"]}"#), AccessLogTests.row("b")]
        let texts = try Self.texts((rows, 7))
        #expect(texts[0] == "server-1")
        #expect(texts[1] == "7")
        #expect(texts[2] == #"{"2023-11-14T22:13:20.123456Z","2023-11-14T22:13:20.123456Z"}"#)
        #expect(texts[3] == #"{"a","b"}"#)
        #expect(texts[4] == "{NULL,NULL}")
        #expect(texts[6] == #"{"POST /t","POST /t"}"#)
        #expect(texts[7...10] == ["{200,200}", "{5,5}", "{1,1}", "{2,2}"])
        #expect(texts[14] == #"{"{\"flags\":[\"x\"]}",NULL}"#)
    }

    @Test("An address leaves as sixteen bytes of a keyed hash")
    func address() throws {
        // HMAC-SHA256 under HMAC-SHA256(master key, "access-address"), by Python's hmac.
        let hash = try AddressHash(try MasterKey(Self.master))
        #expect(hash.hash("192.0.2.1") == Self.expected)
        #expect(hash.hash("192.0.2.2") != Self.expected)
        let other = try AddressHash(try MasterKey(String(repeating: "5b", count: 32)))
        #expect(other.hash("192.0.2.1") != Self.expected)
        let hex = "fd80fa0c47033acf8f0e99c51c87c77b"
        #expect(try Self.texts(([AccessLogTests.row("a")], 0))[11] == #"{"\\x\#(hex)"}"#)
    }

    private static let expected: [UInt8] = [
        0xfd, 0x80, 0xfa, 0x0c, 0x47, 0x03, 0x3a, 0xcf, 0x8f, 0x0e, 0x99, 0xc5, 0x1c, 0x87, 0xc7, 0x7b,
    ]
}
