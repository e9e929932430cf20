import CLibCurl

extension OutboundTiming {
    /// What libcurl measured; to be asked while the handle lives.
    init(of handle: UnsafeMutableRawPointer) {
        nameLookup = Double(levqor_curl_name_lookup_us(handle)) / 1000
        connect = Double(levqor_curl_connect_us(handle)) / 1000
        tls = Double(levqor_curl_tls_us(handle)) / 1000
        firstByte = Double(levqor_curl_first_byte_us(handle)) / 1000
        total = Double(levqor_curl_total_us(handle)) / 1000
    }
}

extension OutboundResponse {
    /// The address and port that a handle was connected to.
    static func remoteAddress(of handle: UnsafeMutableRawPointer) -> String {
        let ip = levqor_curl_remote_ip(handle).map { String(cString: $0) } ?? ""
        let host = ip.contains(":") ? "[\(ip)]" : ip
        return "\(host):\(levqor_curl_remote_port(handle))"
    }
}
