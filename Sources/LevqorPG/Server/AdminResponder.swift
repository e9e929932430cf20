import HTTPTypes
import Hummingbird
import NIOCore

/// The admin address: metrics for Prometheus, and health. Not for the public network.
struct AdminResponder: HTTPResponder {
    typealias Context = ServerContext

    let health: Health
    let metrics: MetricsPage

    func respond(to request: Request, context: ServerContext) async throws -> Response {
        if let response = await health.answer(method: request.method.rawValue, path: request.uri.path) { return response }
        guard request.method == .get, request.uri.path == "/metrics" else {
            return Response(status: .notFound, headers: [.contentType: "text/plain"], body: .init(byteBuffer: .init(string: "GET /metrics, /health or /ready\n")))
        }
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: await metrics.render()))
        )
    }
}
