/// What of the JSON-Schema-Test-Suite is not passed, and why. Every required test and every format test is.
enum JSONSchemaSuiteExceptions {
    /// Single tests by "file | group | test". One that passes after all fails the run, so the list cannot go stale.
    static let reasons: [String: String] = [:]

    /// Files of optional tests that are not run.
    static let files: [String: String] = [
        "optional/cross-draft.json": "schemas of earlier drafts are refused, not processed by their own rules",
        "optional/dependencies-compatibility.json":
            "`dependencies` is a keyword of earlier drafts; 2020-12 has dependentRequired and dependentSchemas",
    ]
}
