import HTTPTypes
import Testing

@testable import LevqorPG

@Suite("Cross-origin requests")
struct CrossOriginTests {
    private let crossOrigin = CrossOrigin(origins: ["https://app.example.com"])

    private static func preflight(_ origin: String?) -> RequestHead {
        Requests.make(
            .OPTIONS, "/x", [("Access-Control-Request-Method", "POST")] + (origin.map { [("Origin", $0)] } ?? [])
        )
    }

    @Test("A preflight of an allowed origin is opened, and varies by origin, told once")
    func allowed() throws {
        let request = Self.preflight("https://app.example.com")
        var answer = try #require(crossOrigin.preflight(request, methods: ["GET", "POST"]))
        crossOrigin.open(&answer.headers, for: request)
        #expect(answer.status == 204)
        #expect(answer.headers[.accessControlAllowOrigin] == "https://app.example.com")
        #expect(answer.headers[.accessControlAllowMethods] == "GET, POST")
        #expect(answer.headers[.accessControlAllowHeaders]?.contains("X-Api-Key") == true)
        #expect(answer.headers[.accessControlAllowCredentials] == nil)
        #expect(answer.headers[values: .vary] == ["Origin"])
    }

    @Test(
        "Another origin gets no permission",
        arguments: [
            "https://evil.example.com", "http://app.example.com", "https://app.example.com:8443",
            "https://app.example.com.evil.io",
            "null", "https://APP.example.com", "",
        ])
    func refused(origin: String) throws {
        let request = Self.preflight(origin)
        var answer = try #require(crossOrigin.preflight(request, methods: ["GET"]))
        crossOrigin.open(&answer.headers, for: request)
        #expect(answer.headers[.accessControlAllowOrigin] == nil)
        #expect(answer.headers[.accessControlAllowMethods] == nil)
        #expect(answer.headers[values: .vary] == ["Origin"])
    }

    @Test("OPTIONS without the request's method is no preflight, nor is a POST with it")
    func noPreflight() {
        #expect(
            crossOrigin.preflight(Requests.make(.OPTIONS, "/x", [("Origin", "https://app.example.com")]), methods: [])
                == nil)
        let post = Requests.make(.POST, "/x", [("Access-Control-Request-Method", "POST")])
        #expect(crossOrigin.preflight(post, methods: []) == nil)
    }

    @Test("What was said to vary stays said")
    func vary() {
        var headers: HTTPFields = [.vary: "Accept"]
        crossOrigin.open(&headers, for: Requests.make(.GET, "/", [("Origin", "https://app.example.com")]))
        #expect(headers[values: .vary] == ["Accept", "Origin"])
        #expect(headers[.accessControlExposeHeaders]?.contains("X-Request-Id") == true)
    }

    @Test("Without a list nothing is said")
    func empty() {
        var headers = HTTPFields()
        CrossOrigin(origins: []).open(&headers, for: Requests.make(.GET, "/", [("Origin", "https://app.example.com")]))
        #expect(headers.isEmpty)
    }
}
