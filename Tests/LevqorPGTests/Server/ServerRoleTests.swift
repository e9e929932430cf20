import Testing

@testable import LevqorPG

@Suite("Server roles")
struct ServerRoleTests {
    @Test(
        "Roles are read from the environment; a process has all of them unless told otherwise",
        arguments: [
            (nil, [.http, .reactor]), ("", [.http, .reactor]), ("http", [.http]), ("reactor", [.reactor]),
            ("reactor, http", [.http, .reactor]),
        ] as [(String?, Set<ServerRole>)]
    )
    func reads(text: String?, roles: Set<ServerRole>) throws {
        #expect(try ServerConfiguration(environment: ["LEVQOR_ROLES": text ?? ""]).roles == roles)
    }

    @Test("A role that is none is refused, and so is no role at all", arguments: ["clock", "http,x", ","])
    func refuses(text: String) {
        #expect(throws: ServerConfiguration.InvalidSetting.self) {
            try ServerConfiguration(environment: ["LEVQOR_ROLES": text])
        }
    }
}
