import ArgumentParser
import Foundation
import LevqorPG

/// `levqor-server work`
struct Work: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Work on jobs: claim them over HTTP and run a command for each.",
        discussion: """
            The command gets the payload on standard input; its standard output is the result, its exit status decides: 0
            the job succeeded, 65 it has failed for good, 75 and every other status it is tried again.

            levqor-server work --workflow resize -- ./resize.sh --quality 80
            """
    )
    @Option(help: "Workflow to work on; may be repeated.") var workflow: [String]
    @Option(help: "Where the API is (LEVQOR_URL, else the server of --directory, else http://127.0.0.1:8080).")
    var url: String?
    @Option(help: "API key with the scope jobs:work. Others on this machine can see it here: better LEVQOR_API_KEY.")
    var key: String?
    @Option(help: "How many jobs run at once, 1 to 100.") var concurrency = 1
    @Option(help: "Seconds, 5 to 3600, after which a worker that died has lost its job. Heartbeats come at a third.")
    var leaseSeconds = 60
    @Option(help: "What the worker calls itself (host and process id).") var name: String?
    @Flag(help: "End after one job.") var once = false
    @Flag(help: "End when nothing is left to do.") var drain = false
    @Option(help: "How long running jobs may go on after SIGTERM, before they are given back.") var finishSeconds = 30
    @Option(help: "How long a command has from SIGTERM to SIGKILL.") var killSeconds = 5
    @Option(help: "Folder whose server.json says where a server of this machine is (LEVQOR_DIRECTORY).")
    var directory: String?
    @Argument(parsing: .postTerminator, help: "The command and its arguments.") var command: [String] = []

    func validate() throws {
        if workflow.isEmpty { throw ValidationError("name the workflow: --workflow NAME") }
        if command.isEmpty { throw ValidationError("name the command at the end: -- COMMAND ARGUMENTS") }
        if once, drain { throw ValidationError("--once and --drain exclude each other") }
        for (option, value, range) in [
            ("--concurrency", concurrency, 1...100), ("--lease-seconds", leaseSeconds, 5...3600),
            ("--finish-seconds", finishSeconds, 0...3600), ("--kill-seconds", killSeconds, 0...600),
        ] where !range.contains(value) {
            throw ValidationError(
                "\(option) is \(value): it must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func run() async throws {
        let variables = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
        guard let key = key ?? variables["LEVQOR_API_KEY"] else {
            throw ValidationError("set LEVQOR_API_KEY to an API key with the scope jobs:work")
        }
        let options = try WorkOptions(
            url: url ?? WorkOptions.findURL(variables, directory: directory), key: key, workflows: workflow,
            concurrency: concurrency, leaseSeconds: leaseSeconds,
            name: name ?? "\(ProcessInfo.processInfo.hostName)-\(ProcessInfo.processInfo.processIdentifier)",
            ending: once ? .afterOne : drain ? .whenEmpty : .never, finishSeconds: finishSeconds,
            killSeconds: killSeconds, command: command, environment: ProcessInfo.processInfo.environment
        )
        try await Launcher.work(options, logger: Launcher.makeLogger(level: variables["LEVQOR_LOG_LEVEL"] ?? "info"))
    }
}
