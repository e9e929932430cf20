import Testing

@testable import LevqorPG

@Suite("PostgreSQL's text of an array of text")
struct PostgresArrayTextTests {
    @Test(
        "The elements are read",
        arguments: [
            ("{}", []), ("{a}", ["a"]), ("{a,b,c}", ["a", "b", "c"]), (#"{"a,b","c}d","{"}"#, ["a,b", "c}d", "{"]),
            (#"{"say \"hi\"","back\\slash"}"#, [#"say "hi""#, #"back\slash"#]), (#"{""}"#, [""]),
            (#"{"",a,""}"#, ["", "a", ""]),
            ("{NULL}", []), ("{a,NULL,b}", ["a", "b"]), (#"{"NULL"}"#, ["NULL"]), ("{\"jobs/a\tb\"}", ["jobs/a\tb"]),
            ("{é,😀}", ["é", "😀"]), (#"{" a "}"#, [" a "]),
        ] as [(String, [String])])
    func reads(text: String, expected: [String]) {
        let elements = Array(text.utf8).withUnsafeBytes(PostgresArrayText.elements)
        #expect(elements == expected)
    }

    @Test("What is no array gives nothing and does not trap", arguments: ["", "{", "x", "{\"a", "{a\\", "{\"\\"])
    func broken(text: String) {
        let elements = Array(text.utf8).withUnsafeBytes(PostgresArrayText.elements)
        #expect(elements.count <= 1)
    }
}
