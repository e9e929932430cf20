import CLibCurl

/// One HTTP transfer: the sole owner of an easy handle and of all that must live as long as it does.
///
/// Confined to the transfer thread. Whoever adds `handle` to a multi handle takes it out again before letting go of
/// the transfer; the memory is freed in deinit, once.
final class Transfer: CurlTransfer {
    let handle: UnsafeMutableRawPointer
    private let request: OutboundRequest
    private let addressGuard: AddressGuard
    private let parsedURL: OpaquePointer
    private let errorText: UnsafeMutablePointer<CChar>
    private var headerList: UnsafeMutablePointer<curl_slist>?

    private var headers = ResponseHeaders()
    private var body: [UInt8] = []
    private var truncated = false
    private var headersOverflow = false
    private var refusal: AddressRefusal?
    private var socketsOpened = 0

    /// Makes a transfer ready to be added to a multi handle.
    static func prepare(
        _ request: OutboundRequest,
        timeLeft: Duration,
        configuration: HTTPTransport.Configuration
    ) -> Result<Transfer, OutboundFailure> {
        guard let transfer = Transfer(request, configuration.addressGuard) else {
            return .failure(OutboundFailure(.internal, "no memory for a transfer"))
        }
        return Result { () throws(OutboundFailure) in
            try transfer.setUpURL()
            try transfer.setUpPolicy(configuration)
            try transfer.setUpCallbacks()
            try transfer.setUpMessage(configuration)
            // Zero would be libcurl's own default.
            let connect = max(1, min(request.connectTimeout, timeLeft).wholeMilliseconds)
            try check(levqor_curl_limit_time(transfer.handle, connect, max(1, timeLeft.wholeMilliseconds)))
            return transfer
        }
    }

    private init?(_ request: OutboundRequest, _ addressGuard: AddressGuard) {
        guard let handle = curl_easy_init() else { return nil }
        guard let parsedURL = curl_url() else {
            curl_easy_cleanup(handle)
            return nil
        }
        self.handle = handle
        self.parsedURL = parsedURL
        self.request = request
        self.addressGuard = addressGuard
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        curl_easy_cleanup(handle)
        curl_slist_free_all(headerList)
        curl_url_cleanup(parsedURL)
        errorText.deallocate()
    }

    // MARK: - Before

    private static func check(_ code: CURLcode) throws(OutboundFailure) {
        guard code == CURLE_OK else {
            throw OutboundFailure(.internal, "libcurl refused an option: \(String(cString: curl_easy_strerror(code)))")
        }
    }

    private func setUpURL() throws(OutboundFailure) {
        guard levqor_curl_parse_url(parsedURL, request.url) == CURLUE_OK else {
            throw OutboundFailure(.invalidURL, "the URL cannot be read")
        }
        try Self.check(levqor_curl_use_url(handle, parsedURL))
    }

    private func setUpPolicy(_ configuration: HTTPTransport.Configuration) throws(OutboundFailure) {
        try Self.check(levqor_curl_speak_http_only(handle))
        try Self.check(levqor_curl_refuse_user_in_url(handle))
        try Self.check(levqor_curl_never_follow_redirects(handle))
        try Self.check(levqor_curl_use_no_proxy(handle))
        try Self.check(levqor_curl_ignore_netrc(handle))
        try Self.check(levqor_curl_use_no_signals(handle))
        try Self.check(levqor_curl_refuse_http09(handle))
        try Self.check(levqor_curl_never_wait_for_resolver(handle))
        try Self.check(levqor_curl_verify_tls(handle))
        if let file = configuration.certificateAuthorityFile {
            try Self.check(levqor_curl_trust_only(handle, file))
        }
        try Self.check(
            request.allowPrivateAddresses
                ? levqor_curl_use_private_connection(handle) : levqor_curl_prefer_http2_over_tls(handle)
        )
    }

    private func setUpCallbacks() throws(OutboundFailure) {
        // Unretained: libcurl calls back only between adding and removing the handle, while the loop holds this object.
        let context = Unmanaged.passUnretained(self).toOpaque()
        let judge: levqor_curl_open_callback = { context, _, address in
            guard let context else { return levqor_curl_no_socket() }
            return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().open(address)
        }
        let header: levqor_curl_data_callback = { data, size, count, context in
            guard let context else { return 0 }
            let line = UnsafeRawBufferPointer(start: data, count: size * count)
            return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().receiveHeader(line)
        }
        let body: levqor_curl_data_callback = { data, size, count, context in
            guard let context else { return 0 }
            let bytes = UnsafeRawBufferPointer(start: data, count: size * count)
            return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue().receiveBody(bytes)
        }
        try Self.check(levqor_curl_explain_errors_in(handle, errorText))
        try Self.check(levqor_curl_judge_addresses(handle, judge, context))
        try Self.check(levqor_curl_receive_headers(handle, header, context))
        try Self.check(levqor_curl_receive_body(handle, body, context))
    }

    private func setUpMessage(_ configuration: HTTPTransport.Configuration) throws(OutboundFailure) {
        // These methods have a body even when it is empty (Content-Length: 0).
        let bodyExpected = ["POST", "PUT", "PATCH"].contains(request.method) || !request.body.isEmpty
        if request.method == "HEAD" {
            try Self.check(levqor_curl_send_head(handle))
        } else if bodyExpected {
            let code = request.body.withUnsafeBytes { bytes in
                levqor_curl_send_body(handle, bytes.baseAddress ?? UnsafeRawPointer(errorText), bytes.count)
            }
            try Self.check(code)
            try Self.check(levqor_curl_name_method(handle, request.method))
        } else {
            try Self.check(levqor_curl_send_get(handle))
            try Self.check(levqor_curl_name_method(handle, request.method))
        }
        for line in request.headerLines {
            guard let longer = curl_slist_append(headerList, line) else {
                throw OutboundFailure(.internal, "no memory for the headers")
            }
            headerList = longer
        }
        if let headerList {
            try Self.check(levqor_curl_send_headers(handle, headerList))
        }
        try Self.check(levqor_curl_send_user_agent(handle, configuration.userAgent))
    }

    // MARK: - During

    private func open(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let found = IPAddress(levqor_curl_socket_address(address), length: Int(address.pointee.addrlen))
        if let refused = addressGuard.refusal(of: found, privateAllowed: request.allowPrivateAddresses) {
            refusal = refusal ?? refused
            return levqor_curl_no_socket()
        }
        socketsOpened += 1
        return levqor_curl_open_socket(address)
    }

    /// Any count but the given one ends the transfer.
    private func receiveHeader(_ line: UnsafeRawBufferPointer) -> Int {
        headersOverflow = !headers.take(line)
        return headersOverflow ? 0 : line.count
    }

    private func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        let room = max(0, request.responseCap - body.count)
        body.append(contentsOf: bytes.prefix(room))
        truncated = bytes.count > room
        return truncated ? 0 : bytes.count
    }

    // MARK: - After

    /// The receiver sees a request that is not complete.
    func breakOff() {}

    func outcome(of code: CURLcode) -> OutboundOutcome {
        if code == CURLE_OK, !headers.complete {
            return .failure(OutboundFailure(.protocol, "the answer broke off in its head"))
        }
        if code == CURLE_OK || truncated {
            return .response(response())
        }
        if let refusal, socketsOpened == 0 {
            return .failure(OutboundFailure(.addressRefused, refusal.description))
        }
        if headersOverflow {
            let most = ResponseHeaders.mostBytes
            return .failure(OutboundFailure(.protocol, "the answer has more than \(most) bytes of headers"))
        }
        let own = String(cString: errorText)
        return .failure(OutboundFailure(code, own.isEmpty ? String(cString: curl_easy_strerror(code)) : own))
    }

    private func response() -> OutboundResponse {
        OutboundResponse(
            status: levqor_curl_status(handle),
            headers: headers.kept,
            body: body,
            truncated: truncated,
            timing: OutboundTiming(of: handle),
            remoteAddress: OutboundResponse.remoteAddress(of: handle)
        )
    }
}
