import Foundation
import Hummingbird
import Logging
import ServiceLifecycle

/// The server, put together: gateway, reactor, clock, and the two addresses.
public struct LevqorServer: Sendable {
    /// Version of the product.
    public static let version = DeployRelease.current.version

    let configuration: ServerConfiguration
    let databaseURL: String
    private let masterKey: MasterKey
    let logger: Logger
    private let extraServices: [any Service]
    private let limits: ConnectionLimits
    private let heartbeats: Heartbeats

    /// - Parameters:
    ///   - databaseURL: where the database is: the one configured, or the embedded one.
    ///   - masterKey: what signing secrets are derived from.
    ///   - extraServices: what must outlive everything else, such as the embedded cluster.
    ///   - limits: what one connection of a client may take.
    ///   - heartbeats: where the loops say that they are alive.
    init(
        configuration: ServerConfiguration, databaseURL: String, masterKey: MasterKey, logger: Logger,
        extraServices: [any Service], limits: ConnectionLimits = ConnectionLimits(),
        heartbeats: Heartbeats = Heartbeats()
    ) {
        self.configuration = configuration
        self.databaseURL = databaseURL
        self.masterKey = masterKey
        self.logger = logger
        self.extraServices = extraServices
        self.limits = limits
        self.heartbeats = heartbeats
    }

    /// Serves until SIGTERM or SIGINT, then drains: ready turns false, parked requests are answered, what is under way ends.
    ///
    /// - Parameter onReady: told the URLs of the public address, where there is one, and of the admin address.
    func run(onReady: @escaping @Sendable (_ url: String?, _ adminURL: String) -> Void) async throws {
        let isPublic = configuration.roles.contains(.http)
        let isReactor = configuration.roles.contains(.reactor)
        let hub = HintHub()
        let metrics = GatewayMetrics()
        let refusals = RefusalMemory()
        let access = AccessLog()
        let serverName = "\(ProcessInfo.processInfo.hostName)-\(getpid())-\(RequestIDs.choose(nil).prefix(8))"
        let reactorConfiguration = database("reactor", statementTimeout: "600s", lockTimeout: "5s")
        let pool = PostgresPool(configuration: reactorConfiguration, size: 4, logger: logger)

        // The first table is loaded before anything starts: a row that does not fit stops the boot, by its name.
        let first = try await PostgresConnection.connect(reactorConfiguration, logger: logger)
        let table = try await RouteLoading.load(first)
        await first.close()

        let routes = RouteStore(table, pool: pool, logger: logger)
        let notifier = HintNotifier(
            configuration: database("notify", statementTimeout: "5s", lockTimeout: "1s"), logger: logger)
        let lanes = makeLanes(metrics: metrics)
        let outside = HTTPTransport.Configuration(
            userAgent: "LevqorPG/\(Self.version)",
            addressGuard: AddressGuard(allowing: configuration.allowedNetworks),
            certificateAuthorityFile: configuration.certificateAuthorityFile
        )
        let callOutTransport = HTTPTransport(outside)
        let signer = RequestSigner(credentials: configuration.credentials, transport: callOutTransport)
        let callOuts = CallOuts(transport: callOutTransport, signer: signer)
        let gateway = Gateway(
            gathered: lanes.gathered, alone: lanes.alone, replica: lanes.replica, routes: routes, hints: hub,
            notifier: notifier, refusals: refusals, metrics: metrics, logger: logger, callOuts: callOuts,
            secrets: NamedSecrets(credentials: configuration.credentials, masterKey: masterKey)
        )
        let health = Health(pool: pool, heartbeats: heartbeats)
        let transport = HTTPTransport(outside)
        let mail = MailTransport(
            configuration.mail, http: transport, certificateAuthorityFile: configuration.certificateAuthorityFile)
        // What a process does not run, its heartbeats must not wait for.
        let outbox =
            isReactor
            ? OutboxReactor(
                pool: pool, transport: transport, masterKey: masterKey, hub: hub, notifier: notifier,
                heartbeats: heartbeats, name: serverName, logger: logger,
                sign: { await signer.sign($0, with: $1, at: $2) },
                mail: { await mail.send($0, id: $1, timeout: $2) }, shutdownMail: { await mail.shutdown() }
            ) : nil
        let build = ProcessInfo.processInfo.environment["BUILD_ID"] ?? "dev"
        let clock: any Service =
            isReactor
            ? ClockService(
                pool: pool, hub: hub, notifier: notifier, heartbeats: heartbeats, server: serverName,
                version: Self.version, build: build, logger: logger
            )
            : PresenceService(
                pool: pool, heartbeats: heartbeats, server: serverName, version: Self.version, build: build,
                logger: logger
            )
        let listener = HintListener(
            listener: PostgresListener(
                configuration: {
                    var direct = PostgresConfiguration(
                        configuration.listenURL ?? databaseURL, applicationName: "levqor-server-listen")
                    direct.settings = ["role": "levqor_server"]
                    return direct
                }(),
                channels: [HintNotifier.channel], logger: logger
            ),
            hub: hub, notifier: notifier, routes: routes, refusals: refusals, heartbeats: heartbeats, logger: logger
        )
        let recorder =
            isPublic
            ? AccessRecorder(
                log: access, hash: try AddressHash(masterKey), server: serverName,
                configuration: database("access", statementTimeout: "10s", lockTimeout: "2s"),
                heartbeats: heartbeats, logger: logger
            ) : nil
        let metricsPage = MetricsPage(
            gateway: gateway, access: access, pools: [("reactor", pool)], heartbeats: heartbeats, listener: listener,
            outbox: outbox, roles: configuration.roles, health: health, logger: logger
        )

        let addresses = Addresses(isPublic: isPublic, onReady: onReady)
        let publicServer = PublicChannel(
            responder: GatewayResponder(
                gateway: gateway, reader: RequestReader(),
                address: ClientAddress(trusting: configuration.trustedProxies),
                crossOrigin: CrossOrigin(origins: configuration.corsOrigins), health: health, masterKey: masterKey,
                access: access, log: RequestLog(logger)
            ),
            limits: limits
        ).server(
            configuration: .init(address: .hostname(configuration.host, port: configuration.port), backlog: 4096),
            onServerRunning: { channel in addresses.setPublic(channel.localAddress, host: configuration.host) },
            eventLoopGroup: EventLoopGroupProvider.singleton.eventLoopGroup, logger: quiet(logger)
        )
        let adminApplication = Application(
            responder: AdminResponder(health: health, metrics: metricsPage),
            configuration: .init(address: .hostname(configuration.adminHost, port: configuration.adminPort)),
            onServerRunning: { channel in addresses.setAdmin(channel.localAddress, host: configuration.adminHost) },
            logger: quiet(logger)
        )

        // Shut down from the last to the first: ready turns false, parked requests are answered, then those that wait for the
        // outside, the addresses close after the drain's seconds, the reactor drains, the connections go, and the last rows of the access record are written.
        let services: [(any Service)?] =
            extraServices + [
                pool, recorder, notifier, isPublic ? lanes.service : nil, listener, clock,
                isReactor ? mail : nil, outbox, adminApplication, isPublic ? publicServer : nil, callOuts,
                HubService(hub: hub, drain: .seconds(configuration.drainSeconds)), health,
            ]
        var group = ServiceGroupConfiguration(
            services: services.compactMap { $0.map { .init(service: $0) } },
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        )
        group.maximumGracefulShutdownDuration = .seconds(20)
        try await ServiceGroup(configuration: group).run()
    }

    /// How a connection of a name is opened, and within which times its statements end.
    func database(
        _ name: String, at url: String? = nil, statementTimeout: String, lockTimeout: String
    ) -> PostgresConfiguration {
        PostgresConfiguration(
            url ?? databaseURL, applicationName: "levqor-server-\(name)",
            settings: [
                "role": "levqor_server", "statement_timeout": statementTimeout, "lock_timeout": lockTimeout,
                "idle_in_transaction_session_timeout": "30s", "timezone": "UTC", "datestyle": "ISO", "jit": "off",
            ]
        )
    }

    /// Hummingbird logs each connection at info; ours logs each request.
    private func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return quiet
    }
}
