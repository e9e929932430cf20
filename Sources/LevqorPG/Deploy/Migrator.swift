public import Logging

/// Hears what a deploy does.
public typealias DeployEventHandler = @Sendable (DeployEvent) async -> Void

/// Brings a database to the state of the files under sql/: makes a fresh one, carries an older one on.
///
/// A fresh database is made in one transaction. An older one takes each migration and each changed function file in a
/// transaction of its own, which also records it: a deploy that is killed is finished by the next. Two at once wait for
/// each other. A database that is as the files are is not written to.
public struct Migrator: Sendable {
    let configuration: PostgresConfiguration
    let sqlDirectory: String
    let environment: String?
    let release: DeployRelease
    let timing: DeployTiming
    let logger: Logger
    let tell: DeployEventHandler

    /// - Parameters:
    ///   - databaseURL: a libpq URI or key=value string of a login that may deploy.
    ///   - sqlDirectory: the folder that holds install.sql.
    ///   - environment: written to the setting `core.environment`, as an operator would; nil leaves it.
    ///   - tell: hears each step when it is done.
    public init(
        databaseURL: String,
        sqlDirectory: String,
        environment: String? = nil,
        release: DeployRelease = .current,
        timing: DeployTiming = DeployTiming(),
        logger: Logger,
        tell: @escaping DeployEventHandler = { _ in }
    ) {
        self.init(
            configuration: PostgresConfiguration(databaseURL, applicationName: "levqor-migrate"),
            sqlDirectory: sqlDirectory,
            environment: environment,
            release: release,
            timing: timing,
            logger: logger,
            tell: tell
        )
    }

    init(
        configuration: PostgresConfiguration,
        sqlDirectory: String,
        environment: String? = nil,
        release: DeployRelease = .current,
        timing: DeployTiming = DeployTiming(),
        logger: Logger,
        tell: @escaping DeployEventHandler = { _ in }
    ) {
        self.configuration = configuration
        self.sqlDirectory = sqlDirectory
        self.environment = environment
        self.release = release
        self.timing = timing
        self.logger = logger
        self.tell = tell
    }

    /// What `run` would do now. Writes nothing and waits for nobody.
    public func plan() async throws -> DeployPlan {
        let files = try DeployFiles.read(sqlDirectory)
        return try await inSession { session in
            try DeployPlan.make(files, try await session.state())
        }
    }

    /// Deploys.
    ///
    /// - Parameter prune: also removes what earlier deploys made and no file makes now. For when the last old server has gone.
    /// - Throws: `DeployError`, which says where and what to do. What was done before stays done and is recorded.
    @discardableResult
    public func run(prune: Bool = false) async throws -> DeployReport {
        let files = try DeployFiles.read(sqlDirectory)
        return try await inSession { session in
            try await session.lock(timing, tell)
            if try await !session.hasCore() {
                return try await install(files, session)
            }
            return try await update(files, session, prune: prune)
        }
    }

    private func inSession<R: Sendable>(_ body: (DeploySession) async throws -> R) async throws -> R {
        do {
            let session = try await DeploySession.open(configuration, logger: logger)
            do {
                let result = try await body(session)
                await session.close()
                return result
            } catch {
                await session.close()
                throw error
            }
        } catch let failure as StatementFailure {
            throw failure.deployError
        } catch let error as PostgresError {
            throw Self.inWords(error)
        }
    }

    /// An error of the deploy's own statements, or of the connection.
    private static func inWords(_ error: PostgresError) -> DeployError {
        var refusal = DeployError(
            error.code == .server ? .statement : .connection,
            error.message,
            advice: error.hint ?? "Run it again: what is done stays done, and the rest follows."
        )
        refusal.sqlstate = error.sqlstate
        refusal.detail = error.detail
        return refusal
    }

    /// Runs one unit of work. When it fails without a place in the file, it runs once more by single statements: it fails
    /// again, and tells where.
    func locating(
        _ step: String, _ session: DeploySession, _ body: (_ byStatement: Bool) async throws -> Void
    ) async throws {
        do {
            try await body(false)
        } catch let failure as StatementFailure
            where failure.line == nil && !failure.gaveWay && !failure.isConcurrentRole
        {
            guard await session.connection.isUsable else { throw failure }
            await tell(.locating(failure.path))
            try await body(true)
        }
    }
}
