import Testing

@testable import LevqorPG

@Suite("Routes are found by method and path")
struct RouteTableTests {
    private static let patterns = [
        ("GET", "/"), ("GET", "/api/v1/jobs"), ("GET", "/api/v1/jobs/{id}"), ("POST", "/api/v1/jobs/claim"),
        ("POST", "/api/v1/jobs/{id}/cancel"), ("PATCH", "/api/v1/jobs/{id}"), ("GET", "/api/v1/{kind}/list/all"),
        ("GET", "/a/{x}/b/{y}"), ("GET", "/public/openapi.json"),
    ]

    private static func table() throws -> RouteTable {
        RouteTable(
            try patterns.enumerated().map { try GatewayParts.route($1.0, $1.1, id: $0) }
        )
    }

    /// `METHOD PATTERN name=value…`, or 405 with the methods, or 404.
    private static func show(_ method: String, _ path: String) throws -> String {
        switch try table().match(method: method, path: path) {
        case .found(let route, let parameters):
            return (["\(route.method) \(route.path)"] + parameters.map { "\($0.name)=\($0.value)" }).joined(
                separator: " ")
        case .otherMethods(let methods): return "405 " + methods.joined(separator: ",")
        case .notFound: return "404"
        }
    }

    @Test(
        "A path leads to its route",
        arguments: [
            ("GET", "/", "GET /"),
            ("GET", "/api/v1/jobs", "GET /api/v1/jobs"),
            ("GET", "/api/v1/jobs/j1", "GET /api/v1/jobs/{id} id=j1"),
            ("POST", "/api/v1/jobs/claim", "POST /api/v1/jobs/claim"),
            ("POST", "/api/v1/jobs/claim/cancel", "POST /api/v1/jobs/{id}/cancel id=claim"),
            ("POST", "/api/v1/jobs/x/cancel", "POST /api/v1/jobs/{id}/cancel id=x"),
            ("GET", "/api/v1/jobs/list/all", "GET /api/v1/{kind}/list/all kind=jobs"),
            ("GET", "/a/1/b/2", "GET /a/{x}/b/{y} x=1 y=2"),
            ("GET", "/public/openapi.json", "GET /public/openapi.json"),
        ])
    func leads(method: String, path: String, expected: String) throws {
        #expect(try Self.show(method, path) == expected)
    }

    @Test(
        "A path part is decoded once, and a slash in it divides nothing",
        arguments: [
            ("/a/x%20y/b/2", "x y"), ("/a/x%2Fy/b/2", "x/y"), ("/a/%2e%2e/b/2", ".."), ("/a/../b/2", ".."),
            ("/a/x+y/b/2", "x+y"), ("/a/%C3%A9/b/2", "é"), ("/a/%2525/b/2", "%25"), ("/a/%3Fq=1/b/2", "?q=1"),
            ("/a/%00/b/2", "\0"), ("/a/{x}/b/2", "{x}"),
        ])
    func decodes(path: String, value: String) throws {
        #expect(try Self.show("GET", path) == "GET /a/{x}/b/{y} x=\(value) y=2")
    }

    @Test(
        "What leads nowhere is not found",
        arguments: [
            "", "api/v1/jobs", "*", "//", "/api/v1/jobs/", "/api/v1//jobs", "/api/v1/jobs//cancel", "/API/V1/JOBS",
            "/api",
            "/api/v1", "/a//b/2", "/a/1/b/", "/a/%/b/2", "/a/%2/b/2", "/a/%zz/b/2", "/a/%ff/b/2", "/a/%C3/b/2",
            "/api/v1/jo%62s", "/a/1/b/2/c", "/public/openapi.json/x", "/public/openapi_json", "http://x/api/v1/jobs",
        ])
    func leadsNowhere(path: String) throws {
        #expect(try Self.show("GET", path) == "404")
    }

    @Test(
        "A path that exists for other methods names them in order",
        arguments: [
            ("DELETE", "/api/v1/jobs/j1", "405 GET,PATCH"), ("GET", "/api/v1/jobs/j1/cancel", "405 POST"),
            ("get", "/api/v1/jobs", "405 GET"), ("", "/api/v1/jobs", "405 GET"),
        ])
    func otherMethods(method: String, path: String, expected: String) throws {
        #expect(try Self.show(method, path) == expected)
    }

    @Test("A very long and deep path is answered")
    func longPath() throws {
        #expect(try Self.show("GET", String(repeating: "/a", count: 20_000)) == "404")
        let long = String(repeating: "x", count: 60_000)
        #expect(try Self.show("GET", "/api/v1/jobs/\(long)") == "GET /api/v1/jobs/{id} id=\(long)")
    }

    @Test("An empty table finds nothing")
    func empty() {
        guard case .notFound = RouteTable([]).match(method: "GET", path: "/") else {
            Issue.record("found something")
            return
        }
    }

    @Test("Of two routes of one shape, each method keeps its own names")
    func names() throws {
        let table = RouteTable([
            try GatewayParts.route("GET", "/t/{a}", id: 1), try GatewayParts.route("PUT", "/t/{b}", id: 2),
        ])
        guard case .found(_, let first) = table.match(method: "GET", path: "/t/1"),
            case .found(let route, let second) = table.match(method: "PUT", path: "/t/1")
        else {
            Issue.record("not found")
            return
        }
        #expect(first.map(\.name) == ["a"])
        #expect(second.map(\.name) == ["b"])
        #expect(route.id == 2)
    }
}
