/// A job in the worker's hands, and the token that proves it.
struct WorkLease: Sendable {
    let id: String
    let accountID: String
    let workflow: String
    let attempt: String
    let mostAttempts: String
    let token: JSONValue
    let payload: JSONValue

    /// One element of the answer to a claim; nil when a part is missing.
    init?(_ job: JSONValue) {
        guard let id = job["job_id"]?.string, let accountID = job["account_id"]?.string,
            let workflow = job["workflow"]?.string, let token = job["lease_token"], let payload = job["payload"]
        else { return nil }
        self.id = id
        self.accountID = accountID
        self.workflow = workflow
        self.token = token
        self.payload = payload
        attempt = job["attempt"].map(JSONText.string) ?? "1"
        mostAttempts = job["max_attempts"].map(JSONText.string) ?? "1"
    }

    /// What the command is told of its job.
    var variables: [String: String] {
        [
            "LEVQOR_JOB_ID": id, "LEVQOR_WORKFLOW": workflow, "LEVQOR_ATTEMPT": attempt,
            "LEVQOR_MAX_ATTEMPTS": mostAttempts, "LEVQOR_ACCOUNT_ID": accountID,
            "LEVQOR_LEASE_TOKEN": JSONText.string(token),
        ]
    }

    func path(_ action: String) -> String { "/api/v1/worker/jobs/\(id)/\(action)" }
}
