import CryptoExtras
import Foundation

/// The key file of a Google service account: who it is, what it signs with, and where it gets its tokens.
struct ServiceAccountKey: Sendable {
    /// The credential that it came from.
    let credential: Credential
    let email: String
    let keyID: String?
    let tokenURL: String
    private let privateKey: String

    /// Reads the JSON that the cloud console gives.
    init(_ credential: Credential) throws(OutboundFailure) {
        self.credential = credential
        guard let file = try? JSONParser.parse(credential.text), file.object != nil else {
            throw credential.unusable("it is no JSON object, as the key file of a service account is")
        }
        guard file["type"]?.string == "service_account" else {
            throw credential.unusable("its type is not service_account")
        }
        guard let email = file["client_email"]?.string, let privateKey = file["private_key"]?.string else {
            throw credential.unusable("it has no client_email or no private_key")
        }
        self.email = email
        self.privateKey = privateKey
        keyID = file["private_key_id"]?.string
        tokenURL = file["token_uri"]?.string ?? "https://oauth2.googleapis.com/token"
    }

    /// A signed claim to be exchanged for an access token: a JWT by RFC 7523, good for an hour, as Google asks for it.
    func assertion(scopes: [String], subject: String?, at time: Int) throws(OutboundFailure) -> String {
        let header = JSONValue.object([
            ("alg", .string("RS256")), ("typ", .string("JWT")), ("kid", keyID.map(JSONValue.string)),
        ])
        let claims = JSONValue.object([
            ("iss", .string(email)), ("sub", subject.map(JSONValue.string)),
            ("scope", .string(scopes.joined(separator: " "))), ("aud", .string(tokenURL)),
            ("iat", .int(time)), ("exp", .int(time + 3600)),
        ])
        let signed = [header, claims].map { Base64.encodeForURL(JSONText.encode($0)) }.joined(separator: ".")
        do {
            let key = try _RSA.Signing.PrivateKey(pemRepresentation: privateKey)
            let signature = try key.signature(for: Data(signed.utf8), padding: .insecurePKCS1v1_5)
            return signed + "." + Base64.encodeForURL(Array(signature.rawRepresentation))
        } catch {
            // The library's own words may quote the key.
            throw credential.unusable("its private_key is no RSA key in PEM of 2048 bits or more")
        }
    }
}
