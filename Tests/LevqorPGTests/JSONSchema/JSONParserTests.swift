import Testing

@testable import LevqorPG

@Suite("JSON parser")
struct JSONParserTests {
    private func refusal(_ bytes: [UInt8]) -> JSONParseError? {
        do throws(JSONParseError) {
            _ = try JSONParser.parse(bytes)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "A text outside of the grammar is refused with its kind and place",
        arguments: [
            ("", .empty, 0), (" \n\t ", .empty, 4), ("{", .unexpectedEnd, 1), ("[1", .unexpectedEnd, 2),
            ("[1,]", .syntax, 3), ("{\"a\":1,}", .syntax, 7), ("{a:1}", .syntax, 1), ("{\"a\" 1}", .syntax, 5),
            ("[1 2]", .syntax, 3), ("1 2", .trailingCharacters, 2), ("{}}", .trailingCharacters, 2),
            ("nul", .unexpectedEnd, 3), ("nulL", .syntax, 3), ("NaN", .syntax, 0), ("'a'", .syntax, 0),
            ("// no\n1", .syntax, 0), ("\"abc", .unexpectedEnd, 4), ("\"a\nb\"", .controlCharacter, 2),
            ("\"\\x\"", .invalidEscape, 1), ("\"\\u12g4\"", .invalidEscape, 1), ("\"\\u12", .unexpectedEnd, 5),
            ("01", .invalidNumber, 0), ("-", .unexpectedEnd, 1), ("+1", .syntax, 0), (".5", .syntax, 0),
            ("1.", .unexpectedEnd, 2), ("1.e2", .invalidNumber, 2), ("1e", .unexpectedEnd, 2),
            ("[1e+]", .invalidNumber, 4), ("-a", .invalidNumber, 1), ("\u{FEFF}1", .byteOrderMark, 0),
            ("[\u{FEFF}1]", .syntax, 1), ("\u{A0}1", .syntax, 0),
        ] as [(String, JSONParseError.Kind, Int)]
    )
    func refusesBadGrammar(text: String, kind: JSONParseError.Kind, offset: Int) throws {
        let error = try #require(refusal(Array(text.utf8)))
        #expect(error.kind == kind)
        #expect(error.offset == offset)
        #expect(error.message.hasSuffix("."))
    }

    @Test(
        "Bytes that are not UTF-8 are refused",
        arguments: [
            [0x80], [0xC0, 0xAF], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF],
            [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x82],
            [0xF0, 0x9F, 0x98],
        ] as [[UInt8]]
    )
    func refusesBadUTF8(bytes: [UInt8]) {
        #expect(refusal([0x22] + bytes + [0x22])?.kind == .invalidUTF8)
        #expect(refusal(bytes)?.kind == .invalidUTF8)
    }

    @Test(
        "U+0000 and half surrogates are refused in every spelling",
        arguments: [
            ("\"\\u0000\"", .nulCharacter), ("\"a\u{0}b\"", .nulCharacter), ("{\"\\u0000\":1}", .nulCharacter),
            ("\u{0}", .nulCharacter), ("\"\\ud800\"", .loneSurrogate), ("\"\\udc00\"", .loneSurrogate),
            ("\"\\ud800\\ud800\"", .loneSurrogate), ("\"\\ud800\\n\"", .loneSurrogate),
            ("\"\\udc00\\ud800\"", .loneSurrogate),
        ] as [(String, JSONParseError.Kind)]
    )
    func refusesUnstorableCharacters(text: String, kind: JSONParseError.Kind) {
        #expect(refusal(Array(text.utf8))?.kind == kind)
    }

    @Test("A name twice in one object is refused, however it is spelled and however long the object")
    func refusesDuplicateNames() {
        #expect(refusal(Array(#"{"a":1,"b":{"a":2},"a":3}"#.utf8))?.kind == .duplicateName)
        #expect(refusal(Array(#"{"a":1,"\u0061":3}"#.utf8))?.offset == 7)
        for count in [15, 16, 17, 18, 40] {
            let members = (0..<count).map { "\"key\($0)\":\($0)" }.joined(separator: ",")
            #expect(refusal(Array("{\(members)}".utf8)) == nil)
            #expect(refusal(Array("{\(members),\"key0\":0}".utf8))?.kind == .duplicateName)
            #expect(refusal(Array("{\(members),\"key\(count - 1)\":0}".utf8))?.kind == .duplicateName)
        }
    }

    @Test("Names that only look alike are different names")
    func keepsCanonicallyEquivalentNamesApart() throws {
        let object = try JSONParser.parse("{\"\u{E9}\":1,\"e\u{301}\":2}").object
        #expect(object?.members.count == 2)
        #expect(object?["e\u{301}"] == (try JSONParser.parse("2")))
    }

    @Test("64 levels are accepted and 65 are not, in arrays and objects")
    func boundsDepth() {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(refusal(nested(64)) == nil)
        #expect(refusal(nested(65))?.kind == .tooDeep)
        let objects = String(repeating: "{\"a\":", count: 64) + "1" + String(repeating: "}", count: 64)
        #expect(refusal(Array(objects.utf8)) == nil)
        #expect(refusal(Array("[\(objects)]".utf8))?.kind == .tooDeep)
        #expect(refusal([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000))?.kind == .tooDeep)
        let siblings = "[" + Array(repeating: "[]", count: 1_000).joined(separator: ",") + "]"
        #expect(refusal(Array(siblings.utf8)) == nil)
    }

    @Test(
        "Numbers are accepted as far as PostgreSQL's numeric holds them",
        arguments: [
            ("1e131071", true), ("1e131072", false), ("0.01e131073", true), ("0.01e131074", false),
            ("1e-16383", true), ("1e-16384", false), ("0.1e-16382", true), ("0.10e-16382", false),
            ("0e131072", true), ("0e-16384", false), ("0e1073741822", true), ("0e1073741823", false),
            ("1e99999999999999999999", false), ("-1e131071", true), ("-1e131072", false),
        ] as [(String, Bool)]
    )
    func boundsNumbers(text: String, isAccepted: Bool) {
        #expect(refusal(Array(text.utf8))?.kind == (isAccepted ? nil : .numberOutOfRange))
    }

    @Test("A raw buffer is parsed in place, also an empty one")
    func parsesRawBuffers() throws {
        #expect(throws: JSONParseError.self) { try JSONParser.parse(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let value = try Array("[1]".utf8).withUnsafeBytes { try JSONParser.parse($0) }
        #expect(value.array?.count == 1)
    }

    @Test("The place of an error is counted in lines and characters")
    func locatesErrors() throws {
        let error = try #require(refusal(Array("{\n  \"é\": tru}".utf8)))
        #expect(error.line == 2)
        #expect(error.column == 11)
        #expect(error.offset == 13)
        #expect(error.description.contains("line 2, column 11"))
    }

    @Test("Values are read with their text, order and escapes")
    func readsValues() throws {
        let escapes = #""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é😀""#
        let value = try JSONParser.parse(#" {"z":[1.50,true,false,null],"a":\#(escapes)} "#)
        let object = try #require(value.object)
        #expect(object.members.map(\.name) == ["z", "a"])
        #expect(object["z"]?.array?.first?.number?.text == "1.50")
        #expect(object["z"]?.array?.count == 4)
        #expect(object["a"]?.string == "\"\\/\u{8}\u{C}\n\r\té😀é😀")
        #expect(object["b"] == nil)
        #expect(try JSONParser.parse("\"\"").string == "")
    }
}
