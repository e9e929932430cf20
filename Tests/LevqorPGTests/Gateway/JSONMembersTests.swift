import Testing

@testable import LevqorPG

@Suite("Members of an object that PostgreSQL wrote")
struct JSONMembersTests {
    private static func members(_ text: String) -> ([String], isWhole: Bool) {
        Array(text.utf8).withUnsafeBytes { bytes in
            var members = JSONMembers(bytes)
            var found: [String] = []
            while let (name, value) = members.next() {
                found.append(String(decoding: name, as: UTF8.self) + "=" + String(decoding: value, as: UTF8.self))
            }
            return (found, members.isWhole)
        }
    }

    private static func text(_ value: String) -> String? {
        Array(value.utf8).withUnsafeBytes { JSONMembers.text($0) }
    }

    @Test("Each member is given as it stands")
    func each() {
        let text = #"{"a": "x, }\"]", "b": {"c": [1, "}"]}, "d": null, "e\"": -1.5e3, "f": [], "g":true}"#
        let (found, isWhole) = Self.members(text)
        #expect(
            found == [
                #"a="x, }\"]""#, #"b={"c": [1, "}"]}"#, "d=null", #"e\"=-1.5e3"#, "f=[]", "g=true",
            ])
        #expect(isWhole)
        #expect(Self.members(" { } ") == ([], true))
    }

    @Test(
        "What is no whole object is told, and nothing outside of it is read",
        arguments: [
            "", "{", "[]", "null", #"{"a"#, #"{"a""#, #"{"a":"#, #"{"a": "b\"#, #"{"a": [1"#, #"{"a": 1"#, #"{1: 2}"#,
        ])
    func broken(text: String) {
        #expect(!Self.members(text).isWhole)
    }

    @Test("Quotes and backslashes in a text are read, other escapes are left to the parser")
    func texts() {
        #expect(Self.text(#""plain""#) == "plain")
        #expect(Self.text(#""\"p\";r=0 \\""#) == #""p";r=0 \"#)
        #expect(Self.text(#""""#) == "")
        #expect(Self.text(#""grüße""#) == "grüße")
        for other in [#""a\n""#, #""\u0041""#, "1", "null", "{}", "\""] { #expect(Self.text(other) == nil) }
    }
}
