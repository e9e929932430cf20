import Testing

@testable import LevqorPG

@Suite("The form of a key's text")
struct KeyFormTests {
    // Made by keys.create_key in a database that is gone.
    static let live = "lvk_live_AaH-0fMEd_Orbbu3-OlC6QGh_tHzB3BspzvNaATfH6j60QlRDrhNHDDLupaIjsYnIVhSLait0U32O-LM"
    static let test = "lvk_test_AaH-0fMEd_Orbbu3-OlC6QGh_tHzCXcerjvo_-1A66aa_Fn4tXaBxR-neIHFFERgCWwDOYArDZ3ruqsa"

    @Test("A key that SQL made is accepted", arguments: [live, test])
    func accepted(text: String) {
        #expect(KeyForm.current.accepts(text))
    }

    @Test("A key with any one character mistyped is not", arguments: [live, test])
    func mistyped(text: String) {
        let bytes = Array(text.utf8)
        for index in bytes.indices {
            for other in [
                UInt8(ascii: "A"), UInt8(ascii: "b"), UInt8(ascii: "7"), UInt8(ascii: "-"), UInt8(ascii: "="),
            ]
            where other != bytes[index] {
                var mistyped = bytes
                mistyped[index] = other
                #expect(!KeyForm.current.accepts(String(decoding: mistyped, as: UTF8.self)), "\(index)")
            }
        }
    }

    @Test(
        "What has another length, alphabet or prefix is not",
        arguments: [
            "", "lvk_live_", "lvk_live_nonsense", String(live.dropLast()), live + "A", " " + live, live + "\n",
            "lvk_test_" + live.dropFirst(9), live.uppercased(), live + ", " + live, "lvk_live_" + live,
            "lvk_live_" + String(repeating: "é", count: 40), "lvk_live_" + String(repeating: "A", count: 80),
        ])
    func malformed(text: String) {
        #expect(!KeyForm.current.accepts(text))
    }
}
