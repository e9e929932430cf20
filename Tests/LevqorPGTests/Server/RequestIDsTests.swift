import Testing

@testable import LevqorPG

@Suite("Request ids")
struct RequestIDsTests {
    @Test(
        "An id that is fit is kept",
        arguments: [
            "abcdefgh", "ABC-def_123.4", String(repeating: "x", count: 64),
        ])
    func keeps(given: String) {
        #expect(RequestIDs.choose(given) == given)
    }

    @Test(
        "Anything else is replaced by one of our own",
        arguments: [
            nil, "", "short", String(repeating: "x", count: 65), "with space", "quote\"quote", "line\nbreak",
            "umläut-x", "a/b/c/d/e",
            "${jndi:ldap}", "\0\0\0\0\0\0\0\0",
        ] as [String?])
    func replaces(given: String?) {
        let id = RequestIDs.choose(given)
        #expect(id != given)
        #expect(id.utf8.count == 32)
        #expect(id.allSatisfy { $0.isHexDigit && !$0.isUppercase })
    }

    @Test("No two are the same")
    func differ() {
        #expect(Set((0..<10_000).map { _ in RequestIDs.choose(nil) }).count == 10_000)
    }
}
