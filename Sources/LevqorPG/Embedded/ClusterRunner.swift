import Foundation
import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Starts, adopts and stops the PostgreSQL of one data folder. The caller holds the start lock.
struct ClusterRunner: Sendable {
    static let port = 5432

    let tools: ClusterTools
    let logger: Logger

    private var place: ClusterPlace { tools.place }

    /// The run that is there now; nil when PostgreSQL does not run from the data folder.
    func running() -> PostmasterFile? {
        guard let file = PostmasterFile.read(dataFolder: place.data) else { return nil }
        return ProcessTable.isServer(file.pid, in: realData) ? file : nil
    }

    /// Adopts the PostgreSQL that runs, or starts one.
    /// - Parameters:
    ///   - previous: the socket's folder in the last run.
    ///   - timeout: how long a start or the recovery of a crash may take.
    func ensureRunning(previous: String?, timeout: Duration) async throws -> (EmbeddedEndpoint, PostmasterFile) {
        let deadline = ContinuousClock.now + timeout
        var startFailure: EmbeddedError?
        while true {
            if let file = running() {
                startFailure = nil
                if file.status != .stopping,
                    try await tools.isReady(socketFolder: file.socketFolder, port: file.port)
                {
                    logger.info("using the PostgreSQL that runs", metadata: ["levqor.pg.pid": "\(file.pid)"])
                    return (endpoint(file, weStartedIt: false), file)
                }
                guard ContinuousClock.now < deadline else { throw notAnswering(file) }
                try await Task.sleep(for: .milliseconds(50))
            } else if let startFailure {
                throw startFailure
            } else {
                do {
                    let file = try await start(previous: previous, timeout: timeout)
                    logger.info(
                        "started PostgreSQL",
                        metadata: ["levqor.pg.pid": "\(file.pid)", "levqor.pg.version": "\(tools.binaries.version)"]
                    )
                    return (endpoint(file, weStartedIt: true), file)
                } catch let error as EmbeddedError {
                    // A pg_ctl whose server was killed may have been faster; then that run is adopted.
                    startFailure = error
                }
            }
        }
    }

    /// Who started the run and who else is connected; nil when it cannot be asked.
    func clients(at endpoint: EmbeddedEndpoint) async -> ClusterClients? {
        do {
            return ClusterClients(answer: try await tools.query(ClusterClients.query, at: endpoint))
        } catch {
            logger.warning("cannot ask PostgreSQL who is connected", metadata: ["error": "\(error)"])
            return nil
        }
    }

    /// Stops PostgreSQL in good order; one that takes longer goes on stopping by itself.
    func stop(timeout: Duration) async throws {
        let seconds = max(1, timeout.components.seconds)
        let output = try await tools.run(
            "pg_ctl",
            ["stop", "--silent", "--wait", "--mode=fast", "--timeout=\(seconds)"],
            timeout: timeout + .seconds(5)
        )
        guard output.succeeded else {
            throw EmbeddedError.diagnose("PostgreSQL has not stopped yet", output: output.text, place: place.log)
        }
    }

    private func start(previous: String?, timeout: Duration) async throws -> PostmasterFile {
        try await outliveOrphans()
        try removeStaleFile()
        try PrivateFolder.make(place.log, owner: place.account)
        let socket = try SocketFolder.make(for: place, port: Self.port, previous: previous)
        removeStaleLock(socket: socket)
        try await configure(socket: socket)
        try await tools.write("", to: place.log + "/start.log")
        let began = Date()
        let output = try await tools.run(
            "pg_ctl",
            [
                "start", "--silent", "--wait", "--timeout=\(timeout.components.seconds)", "--log=log/start.log",
                "--options=-c \(ClusterClients.starterSetting)=\(ProcessInfo.processInfo.processIdentifier)",
            ],
            timeout: timeout + .seconds(5)
        )
        guard output.succeeded, let file = running() else {
            let tail = LogTail.read(folder: place.log, since: began)
            let text = [output.text, tail].filter { !$0.isEmpty }.joined(separator: "\n")
            throw EmbeddedError.diagnose("cannot start PostgreSQL", output: text, place: place.log)
        }
        return file
    }

    /// Writes the configuration anew: the folder may have moved, and the machine may have changed.
    private func configure(socket: String) async throws {
        let settings = ClusterSettings(
            socketFolder: socket,
            port: Self.port,
            logFolder: place.log,
            memory: MachineMemory.available(),
            hasLZ4: try await hasLZ4()
        )
        let mainFile = place.data + "/postgresql.conf"
        let main = (try? String(contentsOfFile: mainFile, encoding: .utf8)) ?? ""
        if !main.split(separator: "\n").contains(Substring(ClusterSettings.include)) {
            try await tools.write(main + "\n\(ClusterSettings.include)\n", to: mainFile)
        }
        try await tools.write(settings.main, to: place.data + "/levqor.conf")
        try await tools.write(ClusterSettings.access, to: place.data + "/pg_hba.conf")
        // Root may be anyone here in any case, and must be able to adopt what an ordinary user started.
        let users = ["root", place.account.name, try ClusterAccount.current().name]
        try await tools.write(ClusterSettings.identities(users: users), to: place.data + "/pg_ident.conf")
    }

    private func hasLZ4() async throws -> Bool {
        let name = "default_toast_compression"
        return try await tools.run("postgres", ["-c", "\(name)=lz4", "-C", name]).succeeded
    }

    /// Waits a little for the children of a killed PostgreSQL, which notice it and end; until then no new one starts.
    private func outliveOrphans() async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while ProcessTable.servers(in: realData) == .some, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Removes a `postmaster.pid` whose process is provably no PostgreSQL, when none works in the folder.
    ///
    /// PostgreSQL itself overlooks a file whose process is gone, but not one whose number was given to another
    /// process of the same user, as happens after each crash in a container.
    private func removeStaleFile() throws {
        let path = place.data + "/postmaster.pid"
        guard try FileFacts.of(path) != nil, ProcessTable.servers(in: realData) == .none else { return }
        logger.notice("removing the postmaster.pid of a PostgreSQL that is dead")
        unlink(path)
    }

    /// Removes the lock of a dead PostgreSQL beside its socket, as PostgreSQL does not while the killed process is still
    /// a zombie. The folder belongs to this cluster alone.
    private func removeStaleLock(socket: String) {
        let path = "\(socket)/.s.PGSQL.\(Self.port).lock"
        guard access(path, F_OK) == 0, ProcessTable.servers(in: realData) == .none else { return }
        logger.notice("removing the socket's lock of a PostgreSQL that is dead")
        unlink(path)
    }

    private var realData: String { FileFacts.realPath(place.data) ?? place.data }

    private func endpoint(_ file: PostmasterFile, weStartedIt: Bool) -> EmbeddedEndpoint {
        EmbeddedEndpoint(
            socketDirectory: file.socketFolder,
            port: file.port,
            dataDirectory: place.data,
            version: tools.binaries.version,
            weStartedIt: weStartedIt
        )
    }

    private func notAnswering(_ file: PostmasterFile) -> EmbeddedError {
        EmbeddedError(
            .busy,
            "PostgreSQL (process \(file.pid)) runs from \(place.data) but does not answer in \(file.socketFolder)",
            advice: "read the log in \(ShellWord.quote(place.log)); to end it: kill -INT \(file.pid); then start again"
        )
    }
}
