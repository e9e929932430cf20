import Testing

@testable import LevqorPG

@Suite("What is reported of an attempt")
struct WorkVerdictTests {
    private func body(
        _ status: Int32, _ output: String = "", _ notes: String = "", error: String = "", isCut: Bool = false
    ) -> (action: String, text: String) {
        var heard = WorkNotes()
        heard.feed(notes.utf8 + [UInt8(ascii: "\n")])
        let verdict = WorkVerdict(
            WorkProcess.Ending(
                status: status, output: Array(output.utf8), isOutputCut: isCut, errorTail: Array(error.utf8)),
            notes: heard
        )
        return (verdict.action, JSONText.string(verdict.body(token: .int(7))))
    }

    @Test(
        "Status 0 completes, with standard output as JSON where it is some, else as text, else with nothing",
        arguments: [
            (#"{"a": [1, 2.50]}"#, #","result":{"a":[1,2.50]}"#), ("5\n", #","result":5"#),
            ("null", #","result":null"#), ("two\nlines\n", #","result":{"output":"two\u000alines"}"#),
            (#"{"a": 1} {"b": 2}"#, #","result":{"output":"{\"a\": 1} {\"b\": 2}"}"#), ("", ""), (" \n", ""),
        ]
    )
    func completes(output: String, result: String) {
        #expect(body(0, output) == ("complete", #"{"lease_token":7"# + result + "}"))
    }

    @Test("More output than a result may be is a failure for good")
    func tooLarge() {
        let told = body(0, "x", isCut: true)
        #expect(told.action == "fail" && told.text.contains(#""type":"result_refused""#))
        #expect(told.text.hasSuffix(#","retry":false}"#))
    }

    @Test(
        "Other statuses fail: 65 for good, the others to be tried again",
        arguments: [(1, true), (2, true), (64, true), (65, false), (75, true), (127, true), (143, true)]
            as [(Int32, Bool)]
    )
    func fails(status: Int32, isRetry: Bool) {
        let told = body(status, "ignored", error: "why\n")
        #expect(told.action == "fail")
        #expect(told.text.hasSuffix(#""stderr":"why"},"retry":\#(isRetry)}"#))
        #expect(told.text.contains(#""exit_code":\#(status)"#) == (status < 128))
        #expect(told.text.contains(#""signal":15"#) == (status == 143))
    }

    @Test("The command may say when it is to be tried again; only status 75 puts the job off")
    func wishes() {
        let wish = #"{"retry_after_seconds": 9}"#
        #expect(body(1, "", wish).text.hasSuffix(#""retry":true,"retry_after_seconds":9}"#))
        let snooze = #"{"snooze_seconds": 30}"#
        #expect(body(75, "", snooze).text.hasSuffix(#""retry":true,"retry_after_seconds":30,"snooze":true}"#))
        #expect(body(1, "", snooze).text.hasSuffix(#""retry":true}"#))
    }

    @Test("No error is larger than the API takes")
    func bounded() {
        for text in ["\u{1}", "\\", "\u{7f}", "\n", "\u{1b}[1m"] {
            let told = body(1, error: "first" + String(repeating: text, count: 100_000) + "last")
            #expect(told.text.utf8.count < 16_384 * 2 && told.text.contains(#"last"},"#))
            #expect(!told.text.contains("first") && !told.text.contains(#"\u0001"#))
        }
    }
}
