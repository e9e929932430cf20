import Testing

@testable import LevqorPG

@Suite("What a command says of its work")
struct WorkNotesTests {
    private func notes(_ parts: String...) -> WorkNotes {
        var notes = WorkNotes()
        for part in parts { notes.feed(part.utf8) }
        return notes
    }

    private func taken(_ notes: WorkNotes) -> String {
        var notes = notes
        return JSONText.string(.object(notes.take()))
    }

    @Test("The last progress holds, logs gather, and lines may come in pieces")
    func gathers() {
        let notes = notes(
            #"{"progress": 1}"#, "\n", #"{"progr"#, #"ess": [2], "log": "half", "level": "warning"}"#, "\nplain\n\n")
        #expect(
            taken(notes)
                == #"{"progress":[2],"logs":[{"level":"warning","message":"half"},"#
                + #"{"level":"info","message":"plain"}]}"#)
    }

    @Test("A line counts once its end has come, and at the latest at the end of all")
    func unended() {
        var notes = notes(#"{"progress": 1}"#)
        #expect(notes.isEmpty)
        notes.endLine()
        #expect(taken(notes) == #"{"progress":1}"#)
        _ = notes.take()
        #expect(notes.isEmpty)
    }

    @Test(
        "Every other line is a message",
        arguments: ["5", "[1]", #""text""#, "null", "{", #"{"progress": 1} and more"#, "\u{1b}[1mbold"]
    )
    func messages(line: String) {
        var notes = notes(line + "\n")
        let log = notes.take().last?.1?.array?.first
        #expect(log?["level"]?.string == "info" && log?["message"]?.string == line)
    }

    @Test("An object without a known member says nothing, and an unknown level is info")
    func unknown() {
        #expect(notes(#"{"other": 1}"#, "\n").isEmpty)
        #expect(
            taken(notes(#"{"log": {"a": 1}, "level": "loud"}"#, "\n"))
                == #"{"logs":[{"level":"info","message":"{\"a\":1}"}]}"#)
    }

    @Test("No line is longer than the API takes, no NUL comes through, and of too many lines the last are kept")
    func bounds() throws {
        var notes = notes("\0" + String(repeating: "x", count: 100_000) + "\n")
        let first = try #require(notes.take().last?.1?.array?.first?["message"]?.string)
        #expect(first.count == 2_000 && first.hasPrefix("\u{FFFD}x"))
        for number in 0..<150 { notes.feed("\(number)\n".utf8) }
        let logs = try #require(notes.take().last?.1?.array)
        #expect(logs.count == 100 && logs.first?["message"]?.string == "50")
    }

    @Test("Of progress that is longer than the API takes a message remains, and the one before holds")
    func longProgress() {
        let most = #""\#(String(repeating: "x", count: 4_094))""#
        #expect(taken(notes(#"{"progress": \#(most)}"#, "\n")) == #"{"progress":\#(most)}"#)
        let notes = notes(#"{"progress": 1}"#, "\n", #"{"progress": [\#(most)]}"#, "\n")
        #expect(
            taken(notes)
                == #"{"progress":1,"logs":[{"level":"error","message":"progress ignored: it is longer than 4096 bytes"}]}"#
        )
    }

    @Test("A message without text is none, and no escape brings a NUL into progress or a message")
    func messageText() {
        #expect(notes(#"{"log": ""}"#, "\n").isEmpty)
        for line in [#"{"progress": ["\u0000"]}"#, #"{"log": "a\u0000b"}"#, "{\"log\": \"a\0b\"}"] {
            var notes = notes(line, "\n")
            let members = notes.take()
            #expect(members[0].1 == nil && members[1].1?.array?.first?["message"]?.string?.contains("\0") == false)
        }
    }

    @Test("Wishes are whole seconds within a week; others are no wishes")
    func wishes() {
        #expect(notes(#"{"retry_after_seconds": 90.9}"#, "\n").retryAfterSeconds == 90)
        #expect(notes(#"{"snooze_seconds": 1e9}"#, "\n").snoozeSeconds == 604_800)
        #expect(notes(#"{"snooze_seconds": -1}"#, "\n").snoozeSeconds == 0)
        #expect(notes(#"{"snooze_seconds": "5", "retry_after_seconds": 1e999}"#, "\n").snoozeSeconds == nil)
    }

    @Test("What could not be told comes back behind what is newer")
    func putBack() {
        var notes = notes(#"{"progress": 1, "log": "one"}"#, "\n")
        let untold = notes.take()
        notes.feed(#"{"progress": 2, "log": "two"}"#.utf8 + [UInt8(ascii: "\n")])
        notes.putBack(untold)
        #expect(
            taken(notes)
                == #"{"progress":2,"logs":[{"level":"info","message":"one"},{"level":"info","message":"two"}]}"#)
    }
}
