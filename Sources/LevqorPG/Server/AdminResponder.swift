import HTTPTypes
import Hummingbird
import NIOCore

/// The admin address: metrics for Prometheus, and health. Not for the public network.
struct AdminResponder: HTTPResponder {
    typealias Context = ServerContext

    let health: Health
    let metrics: MetricsPage

    func respond(to request: Request, context: ServerContext) async throws -> Response {
        var response = await answer(method: request.method.rawValue, path: request.uri.path)
        SecurityHeaders.complete(&response.headers)
        return response
    }

    private func answer(method: String, path: String) async -> Response {
        if let answer = await health.answer(method: method, path: path) {
            return Response(
                status: .init(code: answer.status), headers: answer.headers, body: .init(byteBuffer: answer.body))
        }
        let isFound = method == "GET" && path == "/metrics"
        return Response(
            status: isFound ? .ok : .notFound,
            headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(
                byteBuffer: ByteBuffer(string: isFound ? await metrics.render() : "GET /metrics, /health or /ready\n")
            )
        )
    }
}
