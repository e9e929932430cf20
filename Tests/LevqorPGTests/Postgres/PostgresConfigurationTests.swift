import Testing

@testable import LevqorPG

@Suite("Configuration")
struct PostgresConfigurationTests {
    @Test(
        "no text made of a configuration holds its password",
        arguments: [
            "postgresql://app:hunter2secret@db.example:6432/shop?sslmode=require&sslpassword=hunter2secret",
            "host=db.example user=app password=hunter2secret dbname=shop",
            "host=db.example password='hunter2secret with blanks' user=app",
            "postgresql://app:hunter2secret@db.example/shop?options=-c%20x.y%3Dhunter2secret",
            "postgres//app:hunter2secret@db.example/shop",
            "password=my hunter2secret",
            "postgresql://app:hunter2secret%zz@db.example/shop",
        ]
    )
    func redacts(connectionString: String) {
        let configuration = PostgresConfiguration(connectionString)
        var dumped = ""
        dump(configuration, to: &dumped)
        dump([configuration as PostgresConfiguration?], to: &dumped)
        struct Holder { let inner: PostgresConfiguration }
        let texts = [
            configuration.redactedDescription, "\(configuration)", String(reflecting: configuration), dumped,
            "\(Holder(inner: configuration))",
        ]
        for text in texts { #expect(!text.contains("hunter2secret")) }
        do {
            _ = try configuration.connectionParameters()
        } catch {
            #expect(!String(reflecting: error).contains("hunter2secret"))
            #expect(!"\(error)".contains("hunter2secret"))
        }
    }

    @Test("the redacted text says where it leads")
    func describesItsTarget() {
        let configuration = PostgresConfiguration("postgresql://app:secret@db.example:6432/shop?sslmode=require")
        #expect(configuration.redactedDescription == "host=db.example port=6432 dbname=shop user=app sslmode=require")
    }

    @Test("broken strings are refused", arguments: ["postgres//x", "nonsense", "host=a nosuchoption=1", "host=a\0b"])
    func refusesBrokenStrings(connectionString: String) {
        #expect(PostgresConfiguration(connectionString).redactedDescription == "(not a valid connection string)")
        let error = #expect(throws: PostgresError.self) {
            try PostgresConfiguration(connectionString).connectionParameters()
        }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test("what is always set is set, and what the string says stays")
    func addsItsOwn() throws {
        var configuration = PostgresConfiguration(
            "postgresql:///x?keepalives_idle=7&application_name=theirs&options=-c%20a.b%3D1&client_encoding=LATIN1",
            applicationName: "ours",
            settings: ["statement_timeout": "5s", "levqor.note": "two words \\ back"]
        )
        let options = Dictionary(
            uniqueKeysWithValues: try configuration.connectionParameters().map { ($0.keyword, $0.value) })
        #expect(options["client_encoding"] == "UTF8")
        #expect(options["application_name"] == "ours")
        #expect(options["keepalives_idle"] == "7")
        #expect(options["tcp_user_timeout"] == "30000")
        #expect(options["options"] == #"-c a.b=1 -c levqor.note=two\ words\ \\\ back -c statement_timeout=5s"#)
        configuration.settings = ["x y": "1"]
        #expect(throws: PostgresError.self) { try configuration.connectionParameters() }
        configuration.settings = ["Client_Encoding": "SQL_ASCII"]
        #expect(throws: PostgresError.self) { try configuration.connectionParameters() }
    }
}
