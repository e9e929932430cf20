import Testing

@testable import LevqorPG

@Suite("JSON numbers")
struct JSONNumberTests {
    private func number(_ text: String) throws -> JSONNumber {
        try #require(try JSONParser.parse(text).number)
    }

    @Test(
        "Numbers compare by their exact value",
        arguments: [
            ("1", "2", -1), ("10", "9", 1), ("-10", "-9", -1), ("1.0", "1", 0), ("1e2", "100", 0), ("0", "-0.0", 0),
            ("0.1", "0.10", 0), ("9007199254740993", "9007199254740992", 1), ("1e400", "1e401", -1),
            ("-1e400", "1", -1), ("1e400", "0", 1), ("0", "1e-400", -1), ("0", "-1e-400", 1), ("1e400", "-1e400", 1),
            ("12345678901234567890123", "12345678901234567890124", -1),
            ("12345678901234567890123", "123456789012345678901.23e2", 0),
            ("12345678901234567890123", "1", 1), ("-12345678901234567890123", "1", -1),
            ("0.12345678901234567890123", "1", -1), ("1000000000000000001", "1e18", 1),
            ("999999999999999999", "1e18", -1), ("9223372036854775807", "9223372036854775808", -1),
        ] as [(String, String, Int)]
    )
    func compares(left: String, right: String, order: Int) throws {
        let (one, other) = (try number(left), try number(right))
        #expect(one.compared(to: other) == order)
        #expect(other.compared(to: one) == -order)
        #expect((one == other) == (order == 0))
        if order == 0 { #expect(one.hashValue == other.hashValue) }
    }

    @Test(
        "Divisibility is exact",
        arguments: [
            ("10", "5", true), ("10", "3", false), ("0.3", "0.1", true), ("0.35", "0.1", false), ("1.1", "0.01", true),
            ("0", "7", true), ("-9", "3", true), ("1e300", "7", false), ("1e300", "0.5", true), ("7e300", "7", true),
            ("123456789012345678901234567890", "10", true), ("123456789012345678901234567891", "10", false),
            ("4.5", "1.5", true), ("1e-8", "1e-9", true), ("1e-9", "1e-8", false), ("0.00751", "0.0001", false),
            ("999999999999999999e3", "999999999999999999", true), ("1e131071", "999999999999999999", false),
        ] as [(String, String, Bool)]
    )
    func divides(value: String, divisor: String, isMultiple: Bool) throws {
        #expect(try number(value).isMultiple(of: number(divisor)) == isMultiple)
    }

    @Test(
        "Integers are recognised in every spelling",
        arguments: [
            ("1", true, 1), ("1.0", true, 1), ("1.5", false, nil), ("12e-1", false, nil), ("120e-1", true, 12),
            ("1e3", true, 1_000), ("-0", true, 0), ("9223372036854775807", true, .max),
            ("-9223372036854775808", true, .min), ("9223372036854775808", true, nil), ("1e19", true, nil),
            ("1e131071", true, nil), ("12345678901234567890.5", false, nil),
        ] as [(String, Bool, Int64?)]
    )
    func recognisesIntegers(text: String, isInteger: Bool, value: Int64?) throws {
        #expect(try number(text).isInteger == isInteger)
        #expect(try number(text).int64 == value)
        #expect(try number(text).text == text)
    }
}
