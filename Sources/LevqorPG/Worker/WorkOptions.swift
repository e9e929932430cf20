import Foundation

/// What a worker on the command line is told.
public struct WorkOptions: Sendable {
    /// When the worker ends by itself.
    public enum Ending: Sendable {
        /// Never: it is told to stop.
        case never
        /// After one job.
        case afterOne
        /// When nothing is left to do.
        case whenEmpty
    }

    /// Where the API is.
    let url: String
    let key: String
    let workflows: [String]
    /// How many jobs run at once.
    let concurrency: Int
    let leaseSeconds: Int
    /// What the worker calls itself.
    let name: String
    let ending: Ending
    /// How long running jobs may go on when the worker is told to stop.
    let finishSeconds: Int
    /// How long a command has from SIGTERM to SIGKILL.
    let killSeconds: Int
    /// The program, with its folder, and its arguments.
    let command: [String]
    /// What every command gets, beside its job's own variables.
    let environment: [String: String]

    /// - Parameter environment: handed on without the variables that begin with LEVQOR_: some of them are secrets.
    /// - Throws: `Launcher.Refusal` when the command cannot be found.
    public init(
        url: String, key: String, workflows: [String], concurrency: Int, leaseSeconds: Int, name: String,
        ending: Ending, finishSeconds: Int, killSeconds: Int, command: [String], environment: [String: String]
    ) throws {
        self.url = url
        self.key = key
        self.workflows = workflows
        self.concurrency = concurrency
        self.leaseSeconds = leaseSeconds
        self.name = name
        self.ending = ending
        self.finishSeconds = finishSeconds
        self.killSeconds = killSeconds
        self.command = [try Self.find(command.first ?? "", environment["PATH"])] + command.dropFirst()
        self.environment = environment.filter { !$0.key.hasPrefix("LEVQOR_") }.merging(["LEVQOR_URL": url]) { $1 }
    }

    /// Where the API is: as the environment says, else as the server of a folder said when it started.
    public static func findURL(_ variables: [String: String], directory: String?) -> String {
        if directory == nil, let url = variables["LEVQOR_URL"] { return url }
        let folder = directory ?? variables["LEVQOR_DIRECTORY"] ?? ".levqor"
        let facts = (try? String(contentsOfFile: folder + "/server.json", encoding: .utf8)).flatMap {
            try? JSONParser.parse($0)
        }
        return facts?["url"]?.string ?? "http://127.0.0.1:8080"
    }

    /// A slip in the command would use up the attempts of every job, so it is found before the first claim.
    private static func find(_ program: String, _ path: String?) throws -> String {
        let candidates =
            program.contains("/")
            ? [program] : (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":").map { "\($0)/\(program)" }
        guard let found = candidates.first(where: FileManager.default.isExecutableFile) else {
            throw Launcher.Refusal("\(program): no such program, or it may not be run")
        }
        return found
    }
}
