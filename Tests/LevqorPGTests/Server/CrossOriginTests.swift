import HTTPTypes
import Hummingbird
import Testing

@testable import LevqorPG

@Suite("Cross-origin requests")
struct CrossOriginTests {
    private let crossOrigin = CrossOrigin(origins: ["https://app.example.com"])

    private static func preflight(_ origin: String?) -> Request {
        Requests.make(
            .options, "/x", [("Access-Control-Request-Method", "POST")] + (origin.map { [("Origin", $0)] } ?? [])
        )
    }

    @Test("A preflight of an allowed origin is opened, and varies by origin, told once")
    func allowed() throws {
        let request = Self.preflight("https://app.example.com")
        var response = try #require(crossOrigin.preflight(request, methods: ["GET", "POST"]))
        crossOrigin.open(&response.headers, for: request)
        #expect(response.status == .noContent)
        #expect(response.headers[.accessControlAllowOrigin] == "https://app.example.com")
        #expect(response.headers[.accessControlAllowMethods] == "GET, POST")
        #expect(response.headers[.accessControlAllowHeaders]?.contains("X-Api-Key") == true)
        #expect(response.headers[.accessControlAllowCredentials] == nil)
        #expect(response.headers[values: .vary] == ["Origin"])
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
        var response = try #require(crossOrigin.preflight(request, methods: ["GET"]))
        crossOrigin.open(&response.headers, for: request)
        #expect(response.headers[.accessControlAllowOrigin] == nil)
        #expect(response.headers[.accessControlAllowMethods] == nil)
        #expect(response.headers[values: .vary] == ["Origin"])
    }

    @Test("OPTIONS without the request's method is no preflight, nor is a POST with it")
    func noPreflight() {
        #expect(
            crossOrigin.preflight(Requests.make(.options, "/x", [("Origin", "https://app.example.com")]), methods: [])
                == nil)
        let post = Requests.make(.post, "/x", [("Access-Control-Request-Method", "POST")])
        #expect(crossOrigin.preflight(post, methods: []) == nil)
    }

    @Test("What was said to vary stays said")
    func vary() {
        var headers: HTTPFields = [.vary: "Accept"]
        crossOrigin.open(&headers, for: Requests.make(.get, "/", [("Origin", "https://app.example.com")]))
        #expect(headers[values: .vary] == ["Accept", "Origin"])
        #expect(headers[.accessControlExposeHeaders]?.contains("X-Request-Id") == true)
    }

    @Test("Without a list nothing is said")
    func empty() {
        var headers = HTTPFields()
        CrossOrigin(origins: []).open(&headers, for: Requests.make(.get, "/", [("Origin", "https://app.example.com")]))
        #expect(headers.isEmpty)
    }
}
