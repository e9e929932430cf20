import NIOHTTP1

@testable import LevqorPG

/// Requests as tests need them.
enum Requests {
    static func make(
        _ method: HTTPMethod = .GET, _ path: String = "/", _ headers: [(String, String)] = [("Host", "localhost")],
        version: HTTPVersion = .http1_1
    ) -> RequestHead {
        RequestHead(HTTPRequestHead(version: version, method: method, uri: path, headers: HTTPHeaders(headers)))
    }
}
