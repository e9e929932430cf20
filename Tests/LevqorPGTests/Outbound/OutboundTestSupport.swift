import Foundation
import Testing

@testable import LevqorPG

extension HTTPTransport {
    /// A transport that may reach this machine's loopback network and nothing else that is private.
    static func forLoopback(
        certificateAuthorityFile: String? = nil,
        maxConcurrent: Int = 256
    ) throws -> HTTPTransport {
        HTTPTransport(
            Configuration(
                userAgent: "levqor-test",
                addressGuard: AddressGuard(allowing: [try CIDR("127.0.0.0/8")]),
                certificateAuthorityFile: certificateAuthorityFile,
                maxConcurrent: maxConcurrent
            )
        )
    }

    /// A transport as it is without any opening.
    static func guarded() -> HTTPTransport {
        HTTPTransport(Configuration(userAgent: "levqor-test"))
    }
}

extension OutboundRequest {
    static func get(_ url: String) -> OutboundRequest {
        OutboundRequest(id: "r1", method: "GET", url: url)
    }
}

extension OutboundOutcome {
    var response: OutboundResponse? {
        if case .response(let response) = self { response } else { nil }
    }

    var failureKind: OutboundFailure.Kind? {
        if case .failure(let failure) = self { failure.kind } else { nil }
    }

    var failureMessage: String? {
        if case .failure(let failure) = self { failure.message } else { nil }
    }
}

extension OutboundResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// The next element of a stream.
func next<Element: Sendable>(of stream: AsyncStream<Element>) async throws -> Element {
    for await element in stream { return element }
    throw CancellationError()
}
