import Testing

@testable import LevqorPG

@Suite("JSON text")
struct JSONTextTests {
    @Test(
        "What is read and written is the same",
        arguments: [
            "null", "true", "false", "0", "-0", "1e400", "-12.50", "123456789012345678901234567890", #""""#, "[]", "{}",
            #"[1,[2,[3,{"a":[]}]],null]"#, #"{"b":1,"a":2}"#, #"{"":""}"#, #""é€😀\u0001\"\\""#,
        ])
    func roundTrip(text: String) throws {
        #expect(JSONText.string(try JSONParser.parse(text)) == text)
    }

    @Test("Every character of the first plane's beginning, and some beyond, survive")
    func characters() throws {
        var scalars = (1...0x2FF).compactMap(Unicode.Scalar.init)
        scalars += [0x2028, 0x2029, 0xFEFF, 0xFFFD, 0x1F600, 0x10FFFF].compactMap(Unicode.Scalar.init)
        var text = ""
        text.unicodeScalars.append(contentsOf: scalars)
        let written = JSONText.encode(.string(text))
        #expect(written.allSatisfy { $0 >= 0x20 })
        let read = try JSONParser.parse(String(decoding: written, as: UTF8.self))
        #expect(read.string.map { Array($0.unicodeScalars) } == Array(text.unicodeScalars))
    }

    @Test("An object leaves members without a value out and keeps the order")
    func object() {
        let value = JSONValue.object([("z", .int(1)), ("y", nil), ("x", .bool(true)), ("w", .int(-7))])
        #expect(JSONText.string(value) == #"{"z":1,"x":true,"w":-7}"#)
    }

    @Test("A whole number keeps every digit", arguments: [0, -1, Int.max, Int.min])
    func int(number: Int) {
        #expect(JSONText.string(.int(number)) == "\(number)")
    }

    @Test("A member is found by its exact name, the first of it")
    func member() throws {
        let value = try JSONParser.parse(#"{"a": 1, "A": 2}"#)
        #expect(value["a"].map(JSONText.string) == "1")
        #expect(value["A"].map(JSONText.string) == "2")
        #expect(value["b"] == nil)
        #expect(JSONValue.null["a"] == nil)
        // Two spellings of one character are two names, as they are for PostgreSQL.
        let accented = try JSONParser.parse("{\"e\u{301}\": 1}")
        #expect(accented["\u{e9}"] == nil)
    }

    @Test(
        "Milliseconds have at most three decimals",
        arguments: [(0.0, "0"), (1.23456, "1.235"), (0.0004, "0"), (1500.0, "1500")])
    func milliseconds(value: Double, expected: String) throws {
        let written = JSONValue.milliseconds(value).number?.double
        #expect(written == (try JSONParser.parse(expected)).number?.double)
    }
}
