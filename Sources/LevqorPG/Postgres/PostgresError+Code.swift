extension PostgresError {
    /// The kind of a failure. A struct over a private enum, so that kinds can be added without breaking a caller.
    struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Base: String, Sendable {
            case server, connectionFailed, connectionLost, deadlineExceeded, cancelled, protocolViolation
            case poolTimeout, poolClosed, invalidConfiguration, invalidParameter, invalidResult, transactionPooler
        }

        private let base: Base

        /// The server refused the statement; `sqlstate` says why. The connection is fine.
        static let server = Code(base: .server)
        /// A connection could not be opened.
        static let connectionFailed = Code(base: .connectionFailed)
        /// The connection broke or was closed; `isOutcomeUnknown` says whether a statement was under way.
        static let connectionLost = Code(base: .connectionLost)
        /// A statement or a connection attempt took longer than allowed.
        static let deadlineExceeded = Code(base: .deadlineExceeded)
        /// The calling task was cancelled.
        static let cancelled = Code(base: .cancelled)
        /// The server answered something that does not belong here (COPY, for example).
        static let protocolViolation = Code(base: .protocolViolation)
        /// No connection of the pool became free in time.
        static let poolTimeout = Code(base: .poolTimeout)
        /// The pool has stopped.
        static let poolClosed = Code(base: .poolClosed)
        /// The connection string or a setting cannot be used.
        static let invalidConfiguration = Code(base: .invalidConfiguration)
        /// A parameter or statement cannot be sent as it is (a NUL byte in text, too many parameters).
        static let invalidParameter = Code(base: .invalidParameter)
        /// A cell is not what was asked for (no such column, not a number, not UTF-8).
        static let invalidResult = Code(base: .invalidResult)
        /// A transaction pooler stands before the database, so LISTEN would hear nothing.
        static let transactionPooler = Code(base: .transactionPooler)

        var description: String { base.rawValue }

        /// One sentence that holds nothing but what the kind says.
        var explanation: String {
            switch base {
            case .server: "the database refused the statement"
            case .connectionFailed: "the connection could not be opened"
            case .connectionLost: "the connection is lost"
            case .deadlineExceeded: "the deadline has passed"
            case .cancelled: "the caller cancelled"
            case .protocolViolation: "the database answered something unexpected"
            case .poolTimeout: "no connection became free in time"
            case .poolClosed: "the pool is closed"
            case .invalidConfiguration: "the connection settings cannot be used"
            case .invalidParameter: "a parameter cannot be sent as it is"
            case .invalidResult: "a cell is not what was asked for"
            case .transactionPooler: "a transaction pooler stands before the database"
            }
        }
    }
}
