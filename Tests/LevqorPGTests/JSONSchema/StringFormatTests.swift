import Testing

@testable import LevqorPG

@Suite("String formats")
struct StringFormatTests {
    @Test(
        "Texts at the edge of a format are told apart",
        arguments: [
            (.date, "2000-02-29", true), (.date, "1900-02-29", false), (.date, "2024-00-10", false),
            (.dateTime, "2024-01-01t00:00:00z", true), (.dateTime, "2024-01-01 00:00:00Z", false),
            (.dateTime, "2024-01-01T00:00:00Z\n", false), (.time, "12:00:00.Z", false), (.duration, "P", false),
            (.duration, "P1Y2D", false), (.duration, "P1M2D", true), (.duration, "PT", false),
            (.duration, "P1W2D", false), (.duration, "PT1H2S", false), (.email, "a@b", true), (.email, "a@", false),
            (.email, "@b", false), (.email, "ü@b.de", false), (.idnEmail, "ü@bü.de", true),
            (.email, "\"a\"b\"@c", false), (.hostname, "xn--bcher-kva.example", true),
            (.hostname, "ab--cd.example", false), (.hostname, "xn--bcher-kv.example", false),
            (.hostname, "a.", false), (.idnHostname, "bücher.example", true), (.idnHostname, "bu\u{308}cher", false),
            (.idnHostname, "ab--ü", false), (.ipv4, "01.2.3.4", false), (.ipv4, "1.2.3.256", false),
            (.ipv6, "::", true), (.ipv6, "1::2::3", false), (.ipv6, ":1:2:3:4:5:6:7", false),
            (.ipv6, "::ffff:1.2.3.4", true), (.ipv6, "1.2.3.4::", false), (.ipv6, "fe80::1%eth0", false),
            (.ipv6, "1:2:3:4:5:6:7:8:9", false), (.ipv6, "1:2:3:4:5:6:7::", true), (.uri, "http://a/%zz", false),
            (.uri, "/relative", false), (.uri, "http://[::1]:80/", true), (.uri, "http://[::1]x/", false),
            (.uri, "http://a:b/", false), (.uriReference, "", true), (.uriReference, "1a:b", false),
            (.iri, "http://ü/ä?ö#é", true), (.uri, "http://ü/", false), (.uriTemplate, "{a", false),
            (.uriTemplate, "{+a,b*,c:12}", true), (.uriTemplate, "{a:0}", false), (.uriTemplate, "{}", false),
            (.uuid, "2eb8aa08-aa98-11ea-b4aa73b441d16380", false), (.jsonPointer, "/a~2", false),
            (.jsonPointer, "a", false), (.relativeJSONPointer, "01#", false), (.relativeJSONPointer, "0#", true),
            (.relativeJSONPointer, "1/a", true), (.relativeJSONPointer, "0##", false), (.regex, "(", false),
        ] as [(StringFormat, String, Bool)]
    )
    func tellsApart(format: StringFormat, text: String, isAccepted: Bool) {
        #expect(format.accepts(text) == isAccepted)
    }

    @Test(
        "References are resolved by RFC 3986, section 5.4",
        arguments: [
            ("g:h", "g:h"), ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"), ("//g", "http://g"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q#s"), ("", "http://a/b/c/d;p?q"), (".", "http://a/b/c/"), ("..", "http://a/b/"),
            ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../../g", "http://a/g"), ("/./g", "http://a/g"),
            ("/../g", "http://a/g"), ("g.", "http://a/b/c/g."), ("./g/.", "http://a/b/c/g/"),
            ("g;x=1/../y", "http://a/b/c/y"),
        ]
    )
    func resolvesReferences(reference: String, result: String) throws {
        let base = try #require(URIReference("http://a/b/c/d;p?q"))
        #expect(base.resolving(try #require(URIReference(reference))).text == result)
    }

    @Test(
        "Punycode is read and written",
        arguments: [
            ("bücher", "bcher-kva"), ("他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"), ("münchen-ost", "mnchen-ost-9db"),
        ]
    )
    func readsPunycode(text: String, encoded: String) {
        #expect(Punycode.encode(Array(text.unicodeScalars)) == Array(encoded.utf8))
        #expect(Punycode.decode(Array(encoded.utf8)) == Array(text.unicodeScalars))
    }
}
