import Testing

@testable import LevqorPG

@Suite("Hints")
struct HintTests {
    @Test(
        "A hint is read as SQL writes it",
        arguments: [
            ("jobs/a/b\t3", "jobs/a/b", 3), ("outbox", "outbox", 1), ("x\t", "x", 1), ("x\tnonsense", "x", 1),
            ("x\t0", "x", 1),
            ("x\t-5", "x", 1), ("x\t99999999999999999999", "x", 1), ("x\t2\t3", "x", 1), ("a b\t7", "a b", 7),
        ])
    func reads(text: String, topic: String, count: Int) throws {
        let hint = try #require(Hint(text[...]))
        #expect(hint.topic == topic)
        #expect(hint.count == count)
    }

    @Test("A text without a topic is no hint", arguments: ["", "\t", "\t5"])
    func refuses(text: String) {
        #expect(Hint(text[...]) == nil)
    }

    @Test(
        "Each part after the first may be a star",
        arguments: [
            ("outbox", ["outbox"]), ("jobs/A", ["jobs/*", "jobs/A"]),
            ("jobs/A/w", ["jobs/*/*", "jobs/*/w", "jobs/A/*", "jobs/A/w"]),
            ("a/b/c/d", ["a/*/*/*", "a/*/*/d", "a/*/c/*", "a/*/c/d", "a/b/*/*", "a/b/*/d", "a/b/c/*", "a/b/c/d"]),
            ("a/b/c/d/e", ["a/b/c/d/e"]), ("a//", ["a/*/*", "a/*/", "a//*", "a//"]),
        ] as [(String, [String])])
    func patterns(topic: String, expected: [String]) {
        #expect(Set(Hint.patterns(of: topic)) == Set(expected))
        #expect(Hint.patterns(of: topic).count == expected.count)
    }
}
