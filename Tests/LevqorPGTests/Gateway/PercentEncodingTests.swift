import Testing

@testable import LevqorPG

@Suite("Percent-encoding")
struct PercentEncodingTests {
    @Test(
        "A component is decoded",
        arguments: [
            ("", false, ""), ("plain", false, "plain"), ("a+b", false, "a+b"), ("a+b", true, "a b"), ("%2B", true, "+"),
            ("%41%62", false, "Ab"), ("%e2%82%ac", false, "€"), ("é", true, "é"), ("%00", false, "\0"),
            ("%25%32%30", false, "%20"),
        ])
    func decodes(text: String, plus: Bool, expected: String) {
        #expect(PercentEncoding.decode(text[...], plusIsSpace: plus) == expected)
    }

    @Test(
        "A broken escape, or bytes that are no UTF-8, decode to nothing",
        arguments: [
            "%", "%4", "a%", "%g0", "%0g", "%%41", "% 41", "%+1", "%c3", "%ff", "%c0%80", "%ed%a0%80", "%f5%80%80%80",
            "%e2%82",
        ])
    func refuses(text: String) {
        #expect(PercentEncoding.decode(text[...], plusIsSpace: true) == nil)
    }

    @Test(
        "A query is split and decoded",
        arguments: [
            ("", ""), ("a=1", "a:1"), ("a=1&b=2", "a:1|b:2"), ("a", "a:"), ("a=", "a:"), ("=1", ":1"),
            ("a=b=c", "a:b=c"),
            ("&&a=1&", "a:1"), ("a=1&a=2", "a:1|a:2"), ("a%3D=%26", "a=:&"), ("x+y=+", "x y: "), ("=", ":"),
        ])
    func query(text: String, expected: String) throws {
        let pairs = try #require(PercentEncoding.query(text[...]))
        #expect(pairs.map { "\($0.name):\($0.value)" }.joined(separator: "|") == expected)
    }

    @Test("One broken escape spoils the query", arguments: ["a=1&b=%", "%zz=1", "a=%ff"])
    func brokenQuery(text: String) {
        #expect(PercentEncoding.query(text[...]) == nil)
    }
}
