import Testing

@testable import LevqorPG

@Suite("The server's configuration")
struct ServerConfigurationTests {
    @Test("Nothing set gives the defaults, and an empty variable counts as not set")
    func defaults() throws {
        for variables in [
            [:], ["LEVQOR_PORT": "", "LEVQOR_HOST": "", "LEVQOR_DATABASE_URL": "", "LEVQOR_MASTER_KEY": ""],
        ] {
            let configuration = try ServerConfiguration(environment: variables)
            #expect(configuration.databaseURL == nil)
            #expect(configuration.host == "127.0.0.1")
            #expect(configuration.port == 8080)
            #expect(configuration.adminHost == "127.0.0.1")
            #expect(configuration.adminPort == 9464)
            #expect(configuration.connections == 4)
            #expect(configuration.directory == ".levqor")
            #expect(configuration.environment == nil)
            #expect(configuration.masterKey == nil)
            #expect(
                configuration.trustedProxies.isEmpty && configuration.corsOrigins.isEmpty
                    && configuration.allowedNetworks.isEmpty)
        }
    }

    @Test("What is set is read")
    func reads() throws {
        let configuration = try ServerConfiguration(environment: [
            "LEVQOR_DATABASE_URL": "postgresql://x", "LEVQOR_LISTEN_URL": "postgresql://y", "LEVQOR_PORT": "0",
            "LEVQOR_REPLICA_URL": "postgresql://z",
            "LEVQOR_TRUSTED_PROXIES": "10.0.0.0/8, ::1",
            "LEVQOR_CORS_ORIGINS": "https://a.example, http://localhost:3000",
            "LEVQOR_ALLOWED_NETWORKS": "127.0.0.0/8", "LEVQOR_CONNECTIONS": "64", "LEVQOR_ENVIRONMENT": "development",
            "LEVQOR_MASTER_KEY": String(repeating: "ab", count: 32),
        ])
        #expect(configuration.databaseURL == "postgresql://x")
        #expect(configuration.listenURL == "postgresql://y")
        #expect(configuration.replicaURL == "postgresql://z")
        #expect(configuration.port == 0)
        #expect(configuration.trustedProxies.count == 2)
        #expect(configuration.corsOrigins == ["https://a.example", "http://localhost:3000"])
        #expect(configuration.connections == 64)
        #expect(configuration.masterKey != nil)
    }

    @Test(
        "A value that cannot be used is refused by the name of its variable",
        arguments: [
            ("LEVQOR_PORT", "65536"), ("LEVQOR_PORT", "-1"), ("LEVQOR_PORT", "http"), ("LEVQOR_ADMIN_PORT", "1.5"),
            ("LEVQOR_CONNECTIONS", "0"), ("LEVQOR_CONNECTIONS", "65"), ("LEVQOR_ENVIRONMENT", "prod"),
            ("LEVQOR_DRAIN_SECONDS", "16"),
            ("LEVQOR_MASTER_KEY", "short"), ("LEVQOR_MASTER_KEY", String(repeating: "ab", count: 31)),
            ("LEVQOR_TRUSTED_PROXIES", "10.0.0.0/33"), ("LEVQOR_TRUSTED_PROXIES", "localhost"),
            ("LEVQOR_ALLOWED_NETWORKS", "10.1.0.0/8"),
            ("LEVQOR_CORS_ORIGINS", "app.example.com"), ("LEVQOR_CORS_ORIGINS", "https://app.example.com/"),
            ("LEVQOR_CORS_ORIGINS", "*"),
            ("LEVQOR_CORS_ORIGINS", "https://*.example.com"), ("LEVQOR_CORS_ORIGINS", "https://App.example.com"),
            ("LEVQOR_CORS_ORIGINS", "https://a.example/path"), ("LEVQOR_CORS_ORIGINS", "https://"),
            ("LEVQOR_CORS_ORIGINS", "ftp://a.example"),
        ])
    func refuses(name: String, value: String) {
        let error = #expect(throws: ServerConfiguration.InvalidSetting.self) {
            try ServerConfiguration(environment: [name: value])
        }
        #expect(error?.name == name)
        #expect(error?.description.hasPrefix("\(name): ") == true)
    }

    @Test("A refused master key is not told")
    func secret() {
        let error = #expect(throws: ServerConfiguration.InvalidSetting.self) {
            try ServerConfiguration(environment: ["LEVQOR_MASTER_KEY": "do-not-print-me"])
        }
        #expect(error?.description.contains("do-not-print-me") == false)
    }

    @Test("An unknown log level is refused")
    func logLevel() {
        #expect(throws: Launcher.Refusal.self) { try Launcher.makeLogger(level: "loud") }
    }
}
