import Testing

@testable import LevqorPG

@Suite("The official test suite of draft 2020-12")
struct JSONSchemaSuiteTests {
    @Test("The suite is at hand and whole")
    func suiteIsComplete() throws {
        _ = try JSONSchemaSuite.root()
        #expect(JSONSchemaSuite.files("").count >= 46)
        #expect(JSONSchemaSuite.files("optional/format").count >= 21)
        #expect(try JSONSchemaSuite.remotes().count >= 30)
    }

    @Test("Every required test passes", arguments: JSONSchemaSuite.files(""))
    func required(file: String) throws {
        // The required tests describe the default dialect, in which a format is a note.
        try run(file, formats: .annotated)
    }

    @Test("Every format test passes with formats asserted", arguments: JSONSchemaSuite.files("optional/format"))
    func formats(file: String) throws {
        try run(file, formats: .asserted)
    }

    @Test("Every other optional test passes", arguments: JSONSchemaSuite.files("optional").filter(isCovered))
    func optional(file: String) throws {
        try run(file, formats: .annotated)
    }

    private static func isCovered(_ file: String) -> Bool {
        JSONSchemaSuiteExceptions.files[file] == nil
    }

    private func run(_ file: String, formats: JSONSchema.Formats) throws {
        let registry = try JSONSchemaSuite.remotes()
        var groups = 0
        var wholeGroups = 0
        var tests = 0
        var passed = 0
        for group in try JSONSchemaSuite.groups(file) {
            groups += 1
            let before = tests - passed
            let schema = Result { () throws(JSONSchemaError) -> JSONSchema in
                try JSONSchema(group.schema, registry: registry, formats: formats)
            }
            for test in group.tests {
                tests += 1
                let name = "\(file) | \(group.description) | \(test.description)"
                let verdict: Bool?
                switch schema {
                case .success(let schema):
                    let violations = schema.validate(test.data)
                    verdict = violations.isEmpty
                    #expect(violations.isEmpty == schema.isValid(test.data), "\(name)")
                case .failure:
                    verdict = nil
                }
                if verdict == test.isValid { passed += 1 }
                if JSONSchemaSuiteExceptions.reasons[name] == nil {
                    #expect(verdict == test.isValid, "\(name)")
                } else {
                    #expect(verdict != test.isValid, "listed as an exception, but passes: \(name)")
                }
            }
            if tests - passed == before { wholeGroups += 1 }
        }
        #expect(tests > 0)
        print("suite \(file): \(wholeGroups)/\(groups) groups, \(passed)/\(tests) tests")
    }
}
