import Foundation
public import Logging
public import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A private PostgreSQL for one project, run from the system's programs.
///
/// Any number of servers of one project share it: the first one starts it, the others adopt it (also after a kill -9),
/// and the last one out stops it. It has no TCP port and no password: the kernel says who is at the other end of its
/// socket.
public actor EmbeddedCluster: Service {
    /// The database that is made in it.
    public static let database = "levqor"

    /// How long things may take, and where things are; the defaults are for production.
    public struct Options: Sendable {
        /// The only folder in which programs are looked for; nil looks wherever distributions put them.
        public var binaryFolder: String?
        /// Where root's clusters live.
        public var systemRoot = ClusterPlace.systemRoot
        /// A start may have to replay much after a crash.
        public var startTimeout: Duration = .seconds(300)
        /// A server has 20 seconds in all to end; PostgreSQL that needs longer goes on stopping by itself.
        public var stopTimeout: Duration = .seconds(12)
        /// How often supervision looks at the process.
        public var watchInterval: Duration = .milliseconds(250)

        public init() {}
    }

    enum State {
        case idle
        case running(Running)
    }

    /// What there is while this server uses the cluster.
    struct Running {
        var endpoint: EmbeddedEndpoint
        var postmaster: PostmasterFile
        var tools: ClusterTools
        /// Shared, for as long as this server lives: the one that can have it alone is the last.
        var users: FileLock
        var since: ContinuousClock.Instant
    }

    let directory: String
    let logger: Logger
    let options: Options
    var state = State.idle

    /// - Parameter directory: `.levqor` of the project; it is made where missing.
    public init(directory: String, logger: Logger, options: Options = Options()) {
        self.directory = URL(fileURLWithPath: directory).standardizedFileURL.path
        self.logger = logger
        self.options = options
    }

    /// Where the cluster can be reached; nil before start and after stop.
    public var endpoint: EmbeddedEndpoint? {
        if case .running(let running) = state { running.endpoint } else { nil }
    }

    /// Whether a folder has a cluster; nothing is made or started. One that may not be looked at counts.
    static func isMade(in directory: String) -> Bool {
        access(directory + "/pg/PG_VERSION", F_OK) == 0 || errno == EACCES
    }

    /// Makes the cluster where there is none, starts or adopts it, and makes its database.
    ///
    /// Safe to call from several servers at once, and again.
    /// - Throws: `EmbeddedError`, which says what to do.
    @discardableResult
    public func start() async throws -> EmbeddedEndpoint {
        let place = try await ClusterPlace.resolve(directory: directory, systemRoot: options.systemRoot)
        let turn = try await takeTurn(place, timeout: options.startTimeout)
        defer { turn.release() }
        if case .running(let running) = state { return running.endpoint }

        let exists = try ClusterMaker.exists(place)
        let binaries = try ClusterBinaries.choose(
            from: await BinaryFinder.find(only: options.binaryFolder),
            data: exists ? (place.data, try ClusterMaker.major(place)) : nil,
            account: place.account,
            asRoot: geteuid() == 0
        )
        let tools = ClusterTools(binaries: binaries, place: place)
        if !exists { try await ClusterMaker(tools: tools, logger: logger).make() }

        // Before the start: a server that is killed in the middle of it leaves no run that nobody uses.
        let users = try await FileLock.take(
            place.usersLock, .shared, owner: place.account, timeout: options.stopTimeout)
        let runner = ClusterRunner(tools: tools, logger: logger)
        let (endpoint, postmaster) = try await runner.ensureRunning(previous: nil, timeout: options.startTimeout)
        try await ensureDatabase(tools, endpoint)
        writeURL(endpoint, place)
        state = .running(
            Running(endpoint: endpoint, postmaster: postmaster, tools: tools, users: users, since: .now)
        )
        return endpoint
    }

    /// Ends this server's use of the cluster, and stops the cluster when nobody else uses it (see `StopDecision`).
    ///
    /// Call it after this server's own connections are closed. It never throws: a cluster that cannot be stopped goes on
    /// running, which harms nobody, and the next server adopts it.
    public func stop() async {
        guard case .running(let running) = state else { return }
        state = .idle
        do {
            let turn = try await takeTurn(running.tools.place, timeout: options.stopTimeout)
            defer { turn.release() }
            defer { running.users.release() }
            let runner = ClusterRunner(tools: running.tools, logger: logger)
            let last = try running.users.change(to: .exclusive)
            let runs = runner.running() != nil
            let clients = last && runs ? await runner.clients(at: running.endpoint) : nil
            switch StopDecision.decide(lastServer: last, running: runs, clients: clients) {
            case .stop:
                try await runner.stop(timeout: options.stopTimeout)
                SocketFolder.remove(running.endpoint.socketDirectory, of: running.tools.place)
                logger.info("stopped PostgreSQL", metadata: ["levqor.pg.pid": "\(running.postmaster.pid)"])
            case .leave(let reason):
                logger.info("leaving PostgreSQL as it is: \(reason.rawValue)")
            }
        } catch {
            logger.error("cannot stop PostgreSQL", metadata: ["error": "\(error)"])
        }
    }

    /// Only one server at a time starts or stops the cluster.
    func takeTurn(_ place: ClusterPlace, timeout: Duration) async throws -> FileLock {
        try await FileLock.take(place.startLock, .exclusive, owner: place.account, timeout: timeout)
    }

    private func ensureDatabase(_ tools: ClusterTools, _ endpoint: EmbeddedEndpoint) async throws {
        let name = SQLText.literal(Self.database)
        let found = try await tools.query("select 1 from pg_catalog.pg_database where datname = \(name)", at: endpoint)
        if found.isEmpty {
            _ = try await tools.query("create database \(SQLText.identifier(Self.database))", at: endpoint)
        }
    }

    /// Leaves the URL for people and scripts; it holds no secret.
    private func writeURL(_ endpoint: EmbeddedEndpoint, _ place: ClusterPlace) {
        let file = URL(fileURLWithPath: place.directory + "/url")
        do {
            try Data((endpoint.connectionString + "\n").utf8).write(to: file, options: .atomic)
        } catch {
            logger.warning("cannot write \(file.path)", metadata: ["error": "\(error)"])
        }
    }
}
