import HTTPTypes
import Hummingbird
import Logging

extension GatewayResponder {
    /// Logs a request once: who, what, how long; never a query, a header that authenticates, or a body.
    func log(
        _ request: Request, _ context: ServerContext, _ requestID: String, _ served: Served, _ duration: Duration
    ) {
        let status = Int(served.response.status.code)
        let level: Logger.Level = served.fault != nil || status >= 500 ? .error : .info
        guard logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "levqor.request.id": "\(requestID)",
            "http.method": "\(request.method.rawValue)",
            // The path without its query: a query may hold personal data.
            "http.path": "\(request.uri.path.prefix(256))",
            "http.status": "\(status)",
            "http.milliseconds": "\(Double(duration.inSeconds * 100_000).rounded() / 100)",
            "client.address": "\(reader.address(of: request, peer: context.peer))",
        ]
        if let agent = request.headers[.userAgent] { metadata["client.user_agent"] = "\(agent.prefix(256))" }
        if let account = served.account { metadata["levqor.account"] = "\(account)" }
        if let key = served.key { metadata["levqor.key"] = "\(key)" }
        if let sqlstate = served.sqlstate { metadata["db.sqlstate"] = "\(sqlstate)" }
        if let fault = served.fault { metadata["fault"] = "\(fault)" }
        logger.log(level: level, "request", metadata: metadata)
    }
}
