import Testing

@testable import LevqorPG

@Suite("Cells")
struct PostgresCellTests {
    @Test(
        "decimal text is read without a String, and nothing else is taken for a number",
        arguments: [
            ("0", 0), ("-0", 0), ("42", 42), ("-7", -7), ("\(Int.max)", .max), ("\(Int.min)", .min),
            ("9223372036854775808", nil), ("-9223372036854775809", nil), ("99999999999999999999", nil),
            ("", nil), ("-", nil), ("+1", nil), ("1.0", nil), (" 1", nil), ("1e3", nil), ("٣", nil),
        ] as [(String, Int?)]
    )
    func readsDecimals(text: String, expected: Int?) {
        let value = Array(text.utf8).withUnsafeBytes { PostgresCell.int($0, .text) }
        #expect(value == expected)
    }

    @Test("binary integers of every width are read, other widths refused")
    func readsBinaryIntegers() {
        let cases: [([UInt8], Int?)] = [
            ([0xFF, 0xFE], -2), ([0, 0, 1, 0], 256), ([0x80, 0, 0, 0, 0, 0, 0, 0], .min), ([1], nil), ([], nil),
        ]
        for (bytes, expected) in cases {
            #expect(bytes.withUnsafeBytes { PostgresCell.int($0, .binary) } == expected)
        }
    }

    @Test(
        "hex bytea is decoded, a broken one refused",
        arguments: [
            ("\\x", []), ("\\x00fFa0", [0, 255, 160]), ("\\x0", nil), ("\\xzz", nil), ("", nil), ("abc", nil),
        ] as [(String, [UInt8]?)]
    )
    func readsBytea(text: String, expected: [UInt8]?) {
        #expect(Array(text.utf8).withUnsafeBytes { PostgresCell.bytes($0, .text, type: 17) } == expected)
    }
}
