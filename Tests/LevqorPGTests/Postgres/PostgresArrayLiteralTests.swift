import Testing

@testable import LevqorPG

@Suite("Array literals")
struct PostgresArrayLiteralTests {
    private func text(_ parameter: PostgresParameter) -> String? {
        guard case .utf8(let bytes) = parameter else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    @Test(
        "text elements are quoted, and only quotes and backslashes escaped",
        arguments: [
            ([], "{}"),
            ([""], #"{""}"#),
            ([nil], "{NULL}"),
            (["NULL", nil, "null"], #"{"NULL",NULL,"null"}"#),
            (["a,b", "{c}", " d "], #"{"a,b","{c}"," d "}"#),
            ([#"""#, #"\"#, #"\""#], #"{"\"","\\","\\\""}"#),
            ([#"a"b\c"#, "end\""], #"{"a\"b\\c","end\""}"#),
            (["ü\u{1F600}\n"], "{\"ü\u{1F600}\n\"}"),
        ] as [([String?], String)]
    )
    func rendersText(values: [String?], literal: String) {
        #expect(text(.textArray(values)) == literal)
    }

    @Test("bytes render as the text they are")
    func rendersBytes() {
        #expect(text(.utf8Array([Array(#"{"a":"\n"}"#.utf8), nil, []])) == #"{"{\"a\":\"\\n\"}",NULL,""}"#)
    }

    @Test("numbers and booleans are bare")
    func rendersBareElements() {
        #expect(text(.intArray([1, nil, -2, .max, .min] as [Int?])) == "{1,NULL,-2,\(Int.max),\(Int.min)}")
        #expect(text(.boolArray([true, nil, false])) == "{t,NULL,f}")
    }
}
