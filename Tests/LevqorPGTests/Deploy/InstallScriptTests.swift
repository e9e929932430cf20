import Testing

@testable import LevqorPG

@Suite("install.sql")
struct InstallScriptTests {
    @Test func `gives statements for the session and files in order`() throws {
        let script = try InstallScript(
            """
            -- A comment.
            set client_min_messages = warning;
              \\o /dev/null

            \\ir schema/000_roles.sql
            \\ir\tfunctions/core/ids.sql
            -- \\ir functions/core/not.sql
            """
        )
        #expect(script.preamble == "set client_min_messages = warning;")
        #expect(script.includes.map(\.path) == ["schema/000_roles.sql", "functions/core/ids.sql"])
        #expect(script.includes.map(\.line) == [5, 6])
    }

    @Test(arguments: [
        ("\\i schema/a.sql", "not understood"),
        ("\\ir schema/a.sql twice", "not understood"),
        ("\\copy a from b", "not understood"),
        ("\\gexec", "not understood"),
        ("\\ir ../schema/a.sql", "no file under"),
        ("\\ir schema/../../a.sql", "no file under"),
        ("\\ir /schema/a.sql", "no file under"),
        ("\\ir schema/a.txt", "no file under"),
        ("\\ir migrations/0001_a.sql", "no file under"),
        ("\\ir functions.sql", "no file under"),
        ("\\ir schema/a.sql\n\\ir schema/a.sql", "loaded twice"),
        ("\\ir schema/a.sql\nselect 1;", "after the first"),
    ])
    func `refuses what psql would do and this would not`(_ text: String, _ reason: String) {
        let error = #expect(throws: DeployError.self) { try InstallScript("-- 1\n" + text) }
        #expect(error?.code == .files)
        #expect(error?.message.contains(reason) == true)
        #expect(error?.line == 2 + text.filter { $0 == "\n" }.count)
        #expect(error?.advice.isEmpty == false)
    }
}
