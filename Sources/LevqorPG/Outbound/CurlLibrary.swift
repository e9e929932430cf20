import CLibCurl

/// The library's global state, made ready once for the process and never torn down.
enum CurlLibrary {
    /// False when libcurl could not start. Swift runs the initializer of a global once, whichever thread comes first:
    /// curl_global_init is not thread-safe in versions before 7.84.0.
    static let isReady: Bool = levqor_curl_start_library() == CURLE_OK
}
