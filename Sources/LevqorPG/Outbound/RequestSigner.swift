/// Signs a request just before it is sent, as a row says, with a credential that the row only names.
///
/// What is signed is exactly what is sent: nothing may change the request afterwards.
struct RequestSigner: Sendable {
    private let credentials: Credentials
    private let tokens: ServiceAccountTokens

    /// - Parameter transport: what asks for access tokens, where a scheme needs them.
    init(credentials: Credentials, transport: HTTPTransport) {
        self.credentials = credentials
        tokens = ServiceAccountTokens(transport: transport)
    }

    /// The request with its credential.
    ///
    /// - Parameters:
    ///   - specification: an object with the member scheme, as http.find_signer_fault() in SQL explains it.
    ///   - time: now, in Unix seconds.
    /// - Returns: `.credentialMissing` or `.credentialUnusable` when an operator has to do something, `.invalidRequest`
    ///   for a specification that is none, or what an access token's exchange came to.
    func sign(
        _ request: OutboundRequest, with specification: JSONValue, at time: Int
    ) async -> Result<OutboundRequest, OutboundFailure> {
        do {
            return .success(try await signed(request, try SigningScheme(specification), at: time))
        } catch {
            return .failure(error)
        }
    }

    private func signed(
        _ request: OutboundRequest, _ scheme: SigningScheme, at time: Int
    ) async throws(OutboundFailure) -> OutboundRequest {
        let credential = try credentials.find(scheme.credential)
        var request = request
        switch scheme.method {
        case .bearer: request.set("Authorization", "Bearer \(credential.text)")
        case .basic(let user):
            request.set("Authorization", "Basic \(Base64.encode(Array("\(user):\(credential.text)".utf8)))")
        case .header(let name): request.set(name, credential.text)
        case .hmac(let hmac): hmac.sign(&request, with: credential, at: time)
        case .serviceAccount(let scopes, let subject):
            let key = try ServiceAccountKey(credential)
            let token = try await tokens.token(
                of: key, scopes: scopes, subject: subject, at: time, timeout: request.totalTimeout)
            request.set("Authorization", "Bearer \(token)")
        case .url: request.url = credential.text
        case .urlPart: try request.fillURL(with: credential)
        }
        return request
    }
}

extension OutboundRequest {
    /// Sets a header, in the place of all that have its name.
    fileprivate mutating func set(_ name: String, _ value: String) {
        headers.removeAll { $0.name.lowercased() == name.lowercased() }
        headers.append((name, value))
    }

    /// Puts a credential into the URL's path or query, where {credential} stands, encoded so that it stays one part.
    fileprivate mutating func fillURL(with credential: Credential) throws(OutboundFailure) {
        let place = "{credential}"
        // Behind the host: a credential that chooses whom to ask is the scheme url.
        guard
            let start = url.firstRange(of: "://"), let path = url[start.upperBound...].firstIndex(of: "/"),
            url[path...].contains(place), !url[..<path].contains(place)
        else { throw OutboundFailure(.invalidRequest, "the URL's path or query has no {credential}") }
        url = url.replacing(place, with: credential.text.encodedForURL)
    }
}

extension HMACSignature {
    fileprivate func sign(_ request: inout OutboundRequest, with credential: Credential, at time: Int) {
        if let timestampHeader { request.set(timestampHeader, String(time)) }
        request.set(header, value(of: request.body, key: Array(credential.text.utf8), at: time))
    }
}

extension String {
    /// With %XX for every byte but letters, digits, and - . _ ~ :
    fileprivate var encodedForURL: String {
        var encoded = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"), UInt8(ascii: ":"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }
}
