import Logging

/// Secrets for functions that check what others have signed: they travel with the call that needs them, and no further.
extension Gateway {
    /// Puts the secrets of these names into a call that is to be sent again; false: its route takes none.
    func hand(_ names: [String], to call: inout GatewayCall) -> Bool {
        guard call.rawSize != nil, let body = call.body else { return false }
        let requestID = call.requestID
        call.body = RawBody.adding(names.map { ($0, secret($0, for: requestID)) }, to: body)
        call.isAdmitted = true
        return true
    }

    /// The value of a secret; nil, and a line in the log, when there is none.
    private func secret(_ name: String, for requestID: String) -> String? {
        do {
            return try secrets?.find(name)
        } catch {
            logger.error(
                "a secret that a route needs is not there",
                metadata: ["error": "\(error.message)", "secret": "\(name)", "levqor.request.id": "\(requestID)"])
            return nil
        }
    }
}
