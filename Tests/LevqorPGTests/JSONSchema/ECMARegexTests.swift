import Testing

@testable import LevqorPG

@Suite("ECMA-262 regular expressions")
struct ECMARegexTests {
    @Test(
        "Matches as ECMA-262 does in Unicode mode",
        arguments: [
            ("^a$", "a\n", false), ("a$", "ba", true), ("b", "abc", true), ("", "", true), ("^$", "", true),
            (#"^\d$"#, "\u{0967}", false), (#"^\w$"#, "é", false), (#"^\s$"#, "\u{FEFF}", true),
            (#"^\S$"#, "\u{2029}", false), ("^.$", "😀", true), ("^.$", "\u{2028}", false), ("^[^a]$", "\n", true),
            (#"^\u{1F600}$"#, "😀", true), (#"^\ud83d\ude00$"#, "😀", true), (#"^\p{Lu}+$"#, "ÄÖ", true),
            (#"^\P{Lu}+$"#, "ÄÖ", false), (#"^\p{Script=Greek}$"#, "α", true), (#"^\cA$"#, "\u{1}", true),
            (#"^[\b]$"#, "\u{8}", true), (#"\bcat\b"#, "a cat!", true), (#"\bcat\b"#, "écat", true),
            (#"\Bcat"#, "écat", false), ("^(a|b)+$", "abba", true), (#"^(.)\1$"#, "aa", true),
            (#"^(.)\1$"#, "ab", false),
            (#"^(?<x>.)\k<x>$"#, "aa", true), ("^(?=a)(?!ab)..$", "ac", true), ("^(?=a)(?!ab)..$", "ab", false),
            ("(?<=a)b", "ab", true), ("(?<!a)b", "ab", false), ("^a{2,3}$", "aaaa", false), ("^a{2,}$", "aaaa", true),
            ("[]", "a", false), ("^[^]$", "\n", true), ("^[a&&b]+$", "&", true), ("^[[]$", "[", true),
            ("^[a-]$", "-", true), (#"^[\w-]+$"#, "a-b", true), ("^a.*?b$", "axxb", true), ("^ #$", " #", true),
            ("^[a-z]+@[a-z]+$", "ab@cd", true), ("^[a-z]*[0-9]?x$", "x", true), ("^[a-z]+$", "abC", false),
            ("^[^/]+/[0-9]{2}", "ab/123", true), ("^[^/]+/[0-9]{2}", "ab/1", false), (#"^\x41\0$"#, "A\u{0}", true),
        ] as [(String, String, Bool)]
    )
    func matches(pattern: String, text: String, isMatch: Bool) throws {
        #expect(try ECMARegex(pattern).matches(text) == isMatch)
    }

    @Test(
        "Refuses what ECMA-262 refuses in Unicode mode",
        arguments: [
            "(", ")", "[", "]", "{", "}", "a**", "*", "a{2,1}", "a{", "[b-a]", #"\a"#, #"\Z"#, #"\-"#, #"\1"#,
            #"\k<x>"#, "(?<x>a)(?<x>b)", #"\p{Nonsense}"#, #"\u{110000}"#, #"\u12"#, #"\c1"#, #"[\d-z]"#, "(?i)a",
            "a++", "(?=a)*", "^*", #"\"#, #"\01"#, "(?>a)", "(?#x)", #"\Qa\E"#, "(?<1>a)",
        ]
    )
    func refuses(pattern: String) {
        #expect(throws: ECMARegexError.self) { try ECMARegex(pattern) }
    }

    @Test("The quick path is taken only where it cannot go wrong")
    func quickPathIsNarrow() throws {
        for pattern in ["^[a-z][a-z0-9_-]{0,62}$", "^[0-9]+-[a-z]*$", "^abc", "^[^ ]*$"] {
            #expect(LinearPattern(try ECMARegexParser.parse(pattern)) != nil, "\(pattern)")
        }
        for pattern in ["a", "^a*a$", "^a*b?a$", "^(a)$", "^a|b$", #"^\p{L}$"#, "^a?.$"] {
            #expect(LinearPattern(try ECMARegexParser.parse(pattern)) == nil, "\(pattern)")
        }
    }
}
