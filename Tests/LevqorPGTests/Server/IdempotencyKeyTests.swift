import Testing

@testable import LevqorPG

@Suite("The header Idempotency-Key")
struct IdempotencyKeyTests {
    private static func read(_ values: String...) throws -> String? {
        try IdempotencyKey.read(values)
    }

    @Test("Without it there is no key")
    func none() throws {
        #expect(try IdempotencyKey.read([]) == nil)
    }

    @Test(
        "A string in quotes and the same without them are one key",
        arguments: [
            ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            (#""8e03978e-40d5-43dd-bc93-6894a57f9324""#, "8e03978e-40d5-43dd-bc93-6894a57f9324"),
            ("  order:1/2; x  ", "order:1/2; x"),
            (#""a \"quoted\" \\ key""#, #"a "quoted" \ key"#),
            (#""a, b""#, "a, b"),
        ])
    func taken(value: String, expected: String) throws {
        #expect(try Self.read(value) == expected)
    }

    @Test("255 characters are taken, one more is not")
    func longest() throws {
        let key = String(repeating: "k", count: 255)
        #expect(try Self.read(key) == key)
        #expect(try Self.read("\"\(key)\"") == key)
        #expect(throws: Problem.self) { try Self.read(key + "k") }
    }

    @Test(
        "What is no key is refused",
        arguments: [
            "", "   ", "\"\"", "\"open", "\"a\"b", #""a\"#, #""a\n""#, "schlüssel", "\"schlüssel\"",
        ])
    func refused(value: String) throws {
        let problem = #expect(throws: Problem.self) { try Self.read(value) }
        #expect(problem?.status == 400)
    }

    @Test("Two of them are refused")
    func twice() {
        #expect(throws: Problem.self) { try Self.read("a", "a") }
    }
}
