import Hummingbird

/// What the admin address knows of a request beside the request: nothing.
struct ServerContext: InitializableFromSource, Sendable {
    init(source: ApplicationRequestContextSource) {}
}
