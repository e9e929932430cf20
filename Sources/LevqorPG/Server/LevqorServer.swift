import Foundation
import Hummingbird
import Logging
import ServiceLifecycle

/// The server, put together: gateway, reactor, clock, and the two addresses.
public struct LevqorServer: Sendable {
    /// Version of the product.
    public static let version = DeployRelease.current.version

    private let configuration: ServerConfiguration
    private let databaseURL: String
    private let masterKey: MasterKey
    private let logger: Logger
    private let extraServices: [any Service]
    private let limits: ConnectionLimits

    /// - Parameters:
    ///   - databaseURL: where the database is: the one configured, or the embedded one.
    ///   - masterKey: what signing secrets are derived from.
    ///   - extraServices: what must outlive everything else, such as the embedded cluster.
    ///   - limits: what one connection of a client may take.
    init(
        configuration: ServerConfiguration, databaseURL: String, masterKey: MasterKey, logger: Logger,
        extraServices: [any Service], limits: ConnectionLimits = ConnectionLimits()
    ) {
        self.configuration = configuration
        self.databaseURL = databaseURL
        self.masterKey = masterKey
        self.logger = logger
        self.extraServices = extraServices
        self.limits = limits
    }

    /// Serves until SIGTERM or SIGINT, then drains: ready turns false, parked requests are answered, what is under way ends.
    ///
    /// - Parameter onReady: told the URLs of the public and the admin address.
    func run(onReady: @escaping @Sendable (_ url: String, _ adminURL: String) -> Void) async throws {
        let hub = HintHub()
        let metrics = GatewayMetrics()
        let refusals = RefusalMemory()
        let access = AccessLog()
        let heartbeats = Heartbeats()
        let serverName = "\(ProcessInfo.processInfo.hostName)-\(getpid())-\(RequestIDs.choose(nil).prefix(8))"

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
        let gatherConfiguration = database("gather", statementTimeout: "5s", lockTimeout: "2s")
        let aloneConfiguration = database("alone", statementTimeout: "5s", lockTimeout: "2s")
        let reactorConfiguration = database("reactor", statementTimeout: "600s", lockTimeout: "5s")
        let pool = PostgresPool(configuration: reactorConfiguration, size: 4, logger: logger)

        // The first table is loaded before anything starts: a row that does not fit stops the boot, by its name.
        let first = try await PostgresConnection.connect(reactorConfiguration, logger: logger)
        let table = try await RouteLoading.load(first)
        await first.close()

        let routes = RouteStore(table, pool: pool, logger: logger)
        let notifier = HintNotifier(
            configuration: database("notify", statementTimeout: "5s", lockTimeout: "1s"), logger: logger)
        let gathered = Gather(name: "gathered", eager: max(2, ProcessInfo.processInfo.activeProcessorCount))
        let alone = Gather(name: "alone", mostCalls: 1)
        let replica = configuration.replicaURL.map { url in
            let gather = Gather(name: "replica", mostPending: 1024, isOptional: true)
            var there = database("replica", at: url, statementTimeout: "2s", lockTimeout: "1s")
            // A machine that does not answer is not to hold up the end of the server.
            there.connectTimeout = .seconds(3)
            let workers = (0..<2).map { [there] _ in
                GatherWorker(
                    gather: gather, configuration: there, logger: logger, metrics: metrics, isAlone: true,
                    isReplica: true
                )
            }
            return (gather: gather, workers: workers)
        }
        let gateway = Gateway(
            gathered: gathered, alone: alone, replica: replica?.gather, routes: routes, hints: hub, notifier: notifier,
            refusals: refusals,
            metrics: metrics, logger: logger
        )
        let lanes = LaneService(
            workers: (0..<configuration.connections).map { _ in
                GatherWorker(
                    gather: gathered, configuration: gatherConfiguration, logger: logger, metrics: metrics,
                    isAlone: false
                )
            }
                + (0..<2).map { _ in
                    GatherWorker(
                        gather: alone, configuration: aloneConfiguration, logger: logger, metrics: metrics,
                        isAlone: true
                    )
                } + (replica?.workers ?? []),
            gathers: gateway.lanes
        )
        let health = Health(pool: pool, heartbeats: heartbeats)
        let transport = HTTPTransport(
            .init(
                userAgent: "LevqorPG/\(Self.version)",
                addressGuard: AddressGuard(allowing: configuration.allowedNetworks),
                certificateAuthorityFile: configuration.certificateAuthorityFile
            )
        )
        let outbox = OutboxReactor(
            pool: pool, transport: transport, masterKey: masterKey, hub: hub, notifier: notifier,
            heartbeats: heartbeats,
            name: serverName, logger: logger
        )
        let clock = ClockService(
            pool: pool, hub: hub, notifier: notifier, heartbeats: heartbeats, server: serverName, version: Self.version,
            build: ProcessInfo.processInfo.environment["BUILD_ID"] ?? "dev", logger: logger
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
            hub: hub, notifier: notifier, routes: routes, refusals: refusals, logger: logger
        )
        let recorder = AccessRecorder(
            log: access, hash: try AddressHash(masterKey), server: serverName,
            configuration: database("access", statementTimeout: "10s", lockTimeout: "2s"),
            heartbeats: heartbeats, logger: logger
        )
        let metricsPage = MetricsPage(
            gateway: gateway, access: access, pools: [("reactor", pool)], heartbeats: heartbeats, listener: listener,
            outbox: outbox,
            health: health, logger: logger
        )

        let addresses = Addresses(onReady: onReady)
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

        // Shut down from the last to the first: ready turns false, parked requests are answered, the addresses close after
        // the drain's seconds, the reactor drains, the connections go, and the last rows of the access record are written.
        var group = ServiceGroupConfiguration(
            services: extraServices.map { .init(service: $0) } + [
                .init(service: pool), .init(service: recorder), .init(service: notifier), .init(service: lanes),
                .init(service: listener),
                .init(service: clock), .init(service: outbox), .init(service: adminApplication),
                .init(service: publicServer),
                .init(service: HubService(hub: hub, drain: .seconds(configuration.drainSeconds))),
                .init(service: health),
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
        )
        group.maximumGracefulShutdownDuration = .seconds(20)
        try await ServiceGroup(configuration: group).run()
    }

    /// Hummingbird logs each connection at info; ours logs each request.
    private func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return quiet
    }
}
