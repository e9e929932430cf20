import Testing

@testable import LevqorPG

@Suite("The configuration of a private cluster")
struct ClusterSettingsTests {
    private func settings(socket: String = "/s", memory: UInt64 = 1 << 40, hasLZ4: Bool = true) -> [Substring] {
        ClusterSettings(socketFolder: socket, port: 5432, logFolder: "/l", memory: memory, hasLZ4: hasLZ4)
            .main.split(separator: "\n")
    }

    @Test(
        "keeps commits durable, TCP off and parameters out of the log",
        arguments: [
            "listen_addresses = ''", "fsync = on", "full_page_writes = on", "synchronous_commit = on",
            "log_parameter_max_length = 0", "log_parameter_max_length_on_error = 0", "unix_socket_permissions = 0700",
        ])
    func safe(line: Substring) {
        #expect(settings().contains(line))
    }

    @Test("lets local.conf win over everything else")
    func localLast() {
        #expect(settings().last == "include_if_exists = 'local.conf'")
    }

    @Test(
        "takes an eighth of the memory and no more than 256 MB",
        arguments: [
            (1 << 40, 256), (2 << 30, 256), (1 << 30, 128), (64 << 20, 16), (0, 16),
        ] as [(UInt64, UInt64)])
    func sharedBuffers(memory: UInt64, megabytes: UInt64) {
        #expect(settings(memory: memory).contains("shared_buffers = \(megabytes)MB"))
    }

    @Test("names lz4 only where PostgreSQL has it")
    func lz4() {
        #expect(settings().contains("wal_compression = lz4"))
        #expect(settings(hasLZ4: false).contains("wal_compression = on"))
        #expect(!settings(hasLZ4: false).contains { $0.contains("lz4") })
    }

    @Test("quotes folders with odd names")
    func quoting() {
        #expect(settings(socket: #"/a, 'b' \ "c""#).contains(#"unix_socket_directories = '"/a, ''b'' \\ ""c"""'"#))
    }

    @Test("maps each user of the system once to each role, and to no other")
    func identities() {
        let lines = ClusterSettings.identities(users: ["root", "me", "root"]).split(separator: "\n").dropFirst(2)
        #expect(lines.count == 2 * ClusterSettings.roles.count)
        #expect(lines.contains("levqor  \"me\"  levqor_server"))
        #expect(Set(lines).count == lines.count)
    }

    @Test("trusts nobody without asking the kernel or for a password")
    func access() {
        #expect(!ClusterSettings.access.contains("trust"))
        #expect(!ClusterSettings.access.contains("host"))
    }

    @Test(
        "reads the memory limit of a container",
        arguments: [("max\n", nil), ("1048576\n", 1_048_576), ("", nil)] as [(String, UInt64?)])
    func limit(text: String, bytes: UInt64?) {
        #expect(MachineMemory.limit(text) == bytes)
    }
}
