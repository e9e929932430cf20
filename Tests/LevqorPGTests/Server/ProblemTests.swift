import Testing

@testable import LevqorPG

@Suite("Problems that the server renders itself")
struct ProblemTests {
    @Test(
        "A problem has the members of RFC 9457 and the request id",
        arguments: [
            Problem.badRequest("detail"), .notFound, .methodNotAllowed(["GET"]), .contentTooLarge(7),
            .unsupportedMediaType,
            .unavailable("why"), .outcomeUnknown, .internalError, .invalid([]),
        ])
    func members(problem: Problem) throws {
        let json = try JSONParser.parse(String(decoding: problem.body(requestID: "request-1"), as: UTF8.self))
        #expect(json["type"]?.string == "/problems/\(problem.slug)")
        #expect(json["code"]?.string == problem.slug)
        #expect(json["status"].map(JSONText.string) == "\(problem.status)")
        #expect(json["title"]?.string?.isEmpty == false)
        #expect(json["request_id"]?.string == "request-1")
        #expect(json["errors"] == nil)
    }

    @Test("Violations are told with pointer, rule and limit")
    func violations() throws {
        let problem = Problem.invalid([
            JSONSchemaViolation(pointer: "/a", keyword: "maximum", limit: "5", message: "is too large"),
            JSONSchemaViolation(pointer: "", keyword: "required", limit: nil, message: "b is missing"),
        ])
        let json = try JSONParser.parse(String(decoding: problem.body(requestID: "r"), as: UTF8.self))
        #expect(json["detail"]?.string == "/a: is too large")
        let errors = try #require(json["errors"]?.array)
        #expect(errors.count == 2)
        #expect(JSONText.string(errors[0]) == #"{"pointer":"/a","rule":"maximum","limit":"5","detail":"is too large"}"#)
        #expect(JSONText.string(errors[1]) == #"{"pointer":"","rule":"required","detail":"b is missing"}"#)
    }

    @Test("405 names what is allowed, and 503 says when to come back")
    func headers() {
        #expect(
            Problem.methodNotAllowed(["GET", "HEAD"]).headers.map { "\($0.name): \($0.value)" } == ["Allow: GET, HEAD"])
        #expect(Problem.unavailable("x").headers.map(\.name) == ["Retry-After"])
        #expect(Problem.outcomeUnknown.headers.map(\.name) == ["Retry-After"])
    }

    @Test("An internal error tells nothing")
    func internalError() throws {
        let json = try JSONParser.parse(String(decoding: Problem.internalError.body(requestID: "r"), as: UTF8.self))
        #expect(json["detail"] == nil)
    }
}
