import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Runs PostgreSQL's programs, and the few file commands inside its folders, as the cluster's user.
struct ClusterTools: Sendable {
    let binaries: ClusterBinaries
    let place: ClusterPlace

    /// Runs one of PostgreSQL's programs.
    ///
    /// The working folder is the cluster's home, so that a path with quotes or dollars never has to go through the
    /// shell that pg_ctl uses; the data folder is named by the environment for the same reason.
    func run(_ program: String, _ arguments: [String], timeout: Duration = .seconds(60)) async throws -> Command.Output
    {
        try await asAccount([binaries.path(program)] + arguments, timeout: timeout)
    }

    /// Writes a file into a folder of the cluster's user, as that user, whole or not at all.
    func write(_ text: String, to path: String) async throws {
        let script = #"umask 077 && printf '%s' "$2" >"$1.new" && mv -f -- "$1.new" "$1""#
        let output = try await asAccount(["/bin/sh", "-c", script, "sh", path, text])
        guard output.succeeded else {
            throw EmbeddedError.diagnose("cannot write \(path)", output: output.text, place: place.data)
        }
    }

    /// Removes everything in a folder of the cluster's user, and then the folder itself.
    func removeFolder(_ path: String) async throws {
        let output = try await asAccount(["/bin/sh", "-c", #"cd "$1" && find . -mindepth 1 -delete"#, "sh", path])
        guard output.succeeded, rmdir(path) == 0 else {
            throw EmbeddedError.diagnose("cannot remove \(path)", output: output.text, place: place.home)
        }
    }

    /// Whether a server answers on the socket and takes connections.
    func isReady(socketFolder: String, port: Int) async throws -> Bool {
        guard !socketFolder.isEmpty else { return false }
        let arguments = ["--quiet", "--timeout=3", "--host=\(socketFolder)", "--port=\(port)"]
        return try await run("pg_isready", arguments, timeout: .seconds(10)).succeeded
    }

    /// The answer to one query as plain text, asked by the superuser.
    func query(_ sql: String, at endpoint: EmbeddedEndpoint, database: String = "postgres") async throws -> String {
        let url = endpoint.connectionString(database: database) + "&application_name=levqor-embedded&connect_timeout=10"
        let output = try await run(
            "psql",
            ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql],
            timeout: .seconds(120)
        )
        guard output.succeeded else {
            throw EmbeddedError.diagnose("PostgreSQL refused a command", output: output.text, place: place.log)
        }
        return output.out
    }

    private func asAccount(_ words: [String], timeout: Duration = .seconds(60)) async throws -> Command.Output {
        let all = try place.account.prefix() + words
        return try await Command(
            executable: all[0],
            arguments: Array(all.dropFirst()),
            environment: [
                // Messages in English, because errors are told apart by their text.
                "LC_ALL": "C",
                "PATH": BinaryFinder.systemPath,
                "PGCLIENTENCODING": "UTF8",
                "PGDATA": place.data,
            ],
            directory: place.home,
            timeout: timeout
        ).run()
    }
}
