import NIOCore
import Testing

@testable import LevqorPG

@Suite("A text with places for figures")
struct TextTemplateTests {
    private static let figures = TextTemplate.Figures(seconds: 7, reset: 1_900_000_000, requestID: "req-1")

    @Test(
        "Every place is filled, and nothing else is touched",
        arguments: [
            ("", ""),
            ("no place", "no place"),
            ("{seconds}", "7"),
            (#"{"retry_after": {seconds}, "id": "{request_id}"}"#, #"{"retry_after": 7, "id": "req-1"}"#),
            (#""a";r=0;t={seconds}, "b";r=0;t={seconds}"#, #""a";r=0;t=7, "b";r=0;t=7"#),
            ("{reset}{reset}", "19000000001900000000"),
            ("{second} {{seconds}} {", "{second} {7} {"),
            ("grün {seconds} s", "grün 7 s"),
        ])
    func filled(text: String, expected: String) {
        #expect(String(buffer: TextTemplate(text).fill(Self.figures)) == expected)
    }

    @Test("A text without a place is constant")
    func constant() {
        #expect(TextTemplate("{second}").isConstant)
        #expect(!TextTemplate("t={seconds}").isConstant)
    }
}
