import CLibCurl

extension OutboundFailure {
    /// Sorts libcurl's many codes into the kinds that a sender decides on.
    init(_ code: CURLcode, _ text: String) {
        let kind: Kind =
            switch code {
            case CURLE_URL_MALFORMAT:
                .invalidURL
            case CURLE_COULDNT_RESOLVE_HOST:
                .nameResolution
            case CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED:
                .connect
            case CURLE_OPERATION_TIMEDOUT:
                .timeout
            case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CIPHER,
                CURLE_SSL_CERTPROBLEM, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS,
                CURLE_SSL_CRL_BADFILE, CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED, CURLE_USE_SSL_FAILED:
                .tls
            case CURLE_OUT_OF_MEMORY, CURLE_FAILED_INIT, CURLE_NOT_BUILT_IN, CURLE_BAD_FUNCTION_ARGUMENT:
                .internal
            default:
                .protocol
            }
        self.init(kind, oneLine: text)
    }

    /// A failure whose text may quote the other side: made one line, of bounded length.
    init(_ kind: Kind, oneLine text: String) {
        let line = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : Character($0) }
        self.init(kind, String(line.prefix(300)))
    }
}
