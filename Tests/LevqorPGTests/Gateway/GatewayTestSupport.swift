import Testing

@testable import LevqorPG

/// Parts of the gateway as tests need them.
enum GatewayParts {
    static func route(
        _ method: String = "GET", _ path: String = "/", id: Int = 1, version: Int = 1, lane: Route.Lane = .gathered,
        bodyCap: Int = 1024, body: String? = nil, parameters: [String: String] = [:]
    ) throws -> Route {
        Route(
            id: id, method: method, path: path, version: version, lane: lane, timeout: .seconds(5), bodyCap: bodyCap,
            body: try body.map { try JSONSchema(try JSONParser.parse($0)) },
            parameters: try parameters.mapValues { try ParameterRule(try JSONParser.parse($0)) }
        )
    }

    static func call(_ requestID: String = "request-1", method: String = "GET", bytes: Int = 0) throws -> GatewayCall {
        GatewayCall(
            requestID: requestID, route: try route(method), key: nil, address: "192.0.2.1", userAgent: nil,
            parameters: Array("{}".utf8), body: bytes == 0 ? nil : [UInt8](repeating: 32, count: bytes), account: nil
        )
    }

    /// Gives way until the condition holds; fails the test when it never does.
    static func until(_ condition: @Sendable () -> Bool, sourceLocation: SourceLocation = #_sourceLocation) async {
        for _ in 0..<5_000_000 {
            if condition() { return }
            await Task.yield()
        }
        Issue.record("the condition never came true", sourceLocation: sourceLocation)
    }
}
