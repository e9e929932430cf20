import CLibPQ
import Foundation

/// Owns one PGconn and finishes it once. Every call into libpq that takes the connection is in this file.
///
/// Not Sendable: it belongs to the one actor, and so the one thread, that it was handed to.
final class PostgresSession {
    private var raw: OpaquePointer?
    let backendPID: Int32
    let socket: Int32

    /// Takes an established connection over.
    private init(taking raw: OpaquePointer) {
        self.raw = raw
        backendPID = PQbackendPID(raw)
        socket = PQsocket(raw)
    }

    deinit {
        close()
    }

    func close() {
        guard let raw else { return }
        self.raw = nil
        PQfinish(raw)
    }

    var isUsable: Bool {
        guard let raw else { return false }
        return PQstatus(raw) == CONNECTION_OK
    }

    var transactionState: PostgresTransactionState {
        guard let raw else { return .unknown }
        return switch PQtransactionStatus(raw) {
        case PQTRANS_IDLE: .idle
        case PQTRANS_INTRANS: .open
        case PQTRANS_INERROR: .failed
        default: .unknown
        }
    }

    // MARK: Opening

    /// Connects without blocking on the network, up to the configuration's deadline.
    static func open(
        _ configuration: PostgresConfiguration,
        interrupt: PostgresInterrupt
    ) throws -> sending PostgresSession {
        let until = ContinuousClock.now + configuration.connectTimeout
        let parameters = try configuration.connectionParameters()
        var keywords: [UnsafePointer<CChar>?] = parameters.map { UnsafePointer(strdup($0.keyword)) }
        var values: [UnsafePointer<CChar>?] = parameters.map { UnsafePointer(strdup($0.value)) }
        defer { for text in keywords + values { free(UnsafeMutableRawPointer(mutating: text)) } }
        // Both arrays end with NULL (libpq manual, PQconnectdbParams).
        keywords.append(nil)
        values.append(nil)
        guard let raw = PQconnectStartParams(keywords, values, 0) else {
            throw PostgresError(.connectionFailed, "libpq is out of memory")
        }
        var isEstablished = false
        defer { if !isEstablished { PQfinish(raw) } }
        levqor_pg_silence_notices(raw)
        guard PQstatus(raw) != CONNECTION_BAD else { throw failure(.connectionFailed, raw) }

        // "Act as if PQconnectPoll last returned PGRES_POLLING_WRITING" (libpq manual, PQconnectPoll).
        var direction = PGRES_POLLING_WRITING
        while direction != PGRES_POLLING_OK {
            guard direction != PGRES_POLLING_FAILED else { throw failure(.connectionFailed, raw) }
            if interrupt.isRaised { throw PostgresError(.cancelled, "the task was cancelled while connecting") }
            guard ContinuousClock.now < until else {
                throw PostgresError(.deadlineExceeded, "the server did not take the connection in time")
            }
            let events = Int16(direction == PGRES_POLLING_READING ? POLLIN : POLLOUT)
            // The socket is asked for each time: libpq may change it between two calls.
            let ready = PostgresPoll.wait(PQsocket(raw), events, wake: interrupt.readEnd, until: until)
            if ready.isWoken { interrupt.drain() }
            if ready.events != 0 { direction = PQconnectPoll(raw) }
        }
        guard PQsetnonblocking(raw, 1) == 0 else { throw failure(.connectionFailed, raw) }
        isEstablished = true
        return PostgresSession(taking: raw)
    }

    // MARK: Sending

    func sendQuery(_ sql: String, _ parameters: PostgresParameterBuffer, _ format: PostgresFormat) throws {
        try send(sql) { raw, text in
            PQsendQueryParams(
                raw, text, parameters.count, nil, parameters.values, parameters.lengths, parameters.formats,
                format.rawValue
            )
        }
    }

    func sendPrepare(_ name: String, _ sql: String) throws {
        try send(sql) { raw, text in PQsendPrepare(raw, name, text, 0, nil) }
    }

    func sendPrepared(_ name: String, _ parameters: PostgresParameterBuffer, _ format: PostgresFormat) throws {
        try send(name) { raw, text in
            PQsendQueryPrepared(
                raw, text, parameters.count, parameters.values, parameters.lengths, parameters.formats, format.rawValue
            )
        }
    }

    func sendScript(_ sql: String) throws {
        try send(sql) { raw, text in PQsendQuery(raw, text) }
    }

    private func send(_ text: String, _ body: (OpaquePointer, UnsafePointer<CChar>) -> Int32) throws {
        guard let raw, PQstatus(raw) == CONNECTION_OK else {
            throw PostgresError(.connectionLost, "the session is closed; nothing was sent")
        }
        var text = text
        // C would read up to the NUL byte and run a part of the statement.
        guard !text.withUTF8({ PostgresText.holdsNUL(UnsafeRawBufferPointer($0)) }) else {
            throw PostgresError(.invalidParameter, "the statement holds a NUL byte")
        }
        guard text.withCString({ body(raw, $0) }) == 1 else {
            throw Self.failure(isUsable ? .protocolViolation : .connectionLost, raw)
        }
    }

    // MARK: Receiving

    /// Pushes out what is queued. - Returns: true when the socket took it all.
    func flush() throws -> Bool {
        switch PQflush(try connection()) {
        case 0: true
        case 1: false
        default: throw lost()
        }
    }

    /// Reads what is there. Never waits.
    func consume() throws {
        guard PQconsumeInput(try connection()) == 1 else { throw lost() }
    }

    /// Whether the next result would have to be waited for.
    func isBusy() throws -> Bool { PQisBusy(try connection()) == 1 }

    /// The next result, nil when the statement has no more. Called only when `isBusy` is false, or it would block.
    func nextResult() throws -> PostgresResultStorage? {
        PQgetResult(try connection()).map(PostgresResultStorage.init(taking:))
    }

    /// The notifications that libpq has read so far.
    func takeNotifications() -> [PostgresNotification] {
        var taken: [PostgresNotification] = []
        while let raw, let notification = PQnotifies(raw) {
            // The strings are in the same allocation and go with it (libpq manual, 34.9).
            defer { PQfreemem(notification) }
            taken.append(
                PostgresNotification(
                    channel: String(cString: notification.pointee.relname),
                    payload: String(cString: notification.pointee.extra),
                    pid: notification.pointee.be_pid
                )
            )
        }
        return taken
    }

    /// Whether an idle session is still there: reads what the server has said meanwhile, or its end.
    func probe() -> Bool {
        // Bounded: a server that talks without end to an idle session is not one to keep.
        for _ in 0..<64 {
            guard isUsable else { return false }
            guard PostgresPoll.isReadable(socket) else { return true }
            guard (try? consume()) != nil, (try? isBusy()) == false else { return false }
        }
        return false
    }

    /// Asks the server, from another thread, to cancel what this session runs.
    func startCancel(_ interrupt: PostgresInterrupt) -> PostgresCancel? {
        guard let raw, let cancel = PQgetCancel(raw) else { return nil }
        return PostgresCancel.start(taking: cancel, knockingAt: interrupt)
    }

    // MARK: Failing

    private func connection() throws -> OpaquePointer {
        guard let raw else { throw PostgresError(.connectionLost, "the session is closed") }
        return raw
    }

    private func lost() -> PostgresError {
        guard let raw else { return PostgresError(.connectionLost, "the session is closed", outcomeUnknown: true) }
        var error = Self.failure(.connectionLost, raw)
        error.isOutcomeUnknown = true
        return error
    }

    /// libpq's message names host, port, database and user, never the password.
    private static func failure(_ code: PostgresError.Code, _ raw: OpaquePointer) -> PostgresError {
        let message = PQerrorMessage(raw).map { String(cString: $0) } ?? ""
        return PostgresError(code, message.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
