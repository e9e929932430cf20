/// One row of a result.
///
/// Accessors by number are lenient: nil for NULL, for a column that is not there, and for text that is not of that
/// kind; they are for hot paths that know their statement. Accessors by name throw `.invalidResult` in the last two
/// cases.
struct PostgresRow: Sendable {
    let storage: PostgresResultStorage
    let index: Int

    func isNull(_ column: Int) -> Bool { storage.cell(index, column) == nil }

    /// Gives the raw bytes of a cell, nil for NULL. The pointer is valid inside the closure only.
    func withBytes<R>(_ column: Int, _ body: (UnsafeRawBufferPointer?) throws -> R) rethrows -> R {
        // The buffer belongs to the storage, which a row alone might not keep alive to the end of the call.
        try withExtendedLifetime(storage) { try body(storage.cell(index, column)) }
    }

    /// The cell as text. Bytes that are not UTF-8 are repaired with U+FFFD; `string(_ name:)` refuses them.
    func string(_ column: Int) -> String? {
        withBytes(column) { $0.map { String(decoding: $0, as: UTF8.self) } }
    }

    func int(_ column: Int) -> Int? {
        withBytes(column) { $0.flatMap { PostgresCell.int($0, storage.format(column)) } }
    }

    func double(_ column: Int) -> Double? {
        withBytes(column) {
            $0.flatMap { PostgresCell.double($0, storage.format(column), type: storage.typeOID(column)) }
        }
    }

    func bool(_ column: Int) -> Bool? {
        withBytes(column) { $0.flatMap { PostgresCell.bool($0, storage.format(column)) } }
    }

    /// The cell's bytes; a `bytea` in text format is decoded from its hex form.
    func bytes(_ column: Int) -> [UInt8]? {
        withBytes(column) {
            $0.flatMap { PostgresCell.bytes($0, storage.format(column), type: storage.typeOID(column)) }
        }
    }

    func string(_ name: String) throws -> String? {
        try required(name, "UTF-8 text") { column in
            withBytes(column) { $0.flatMap { String(validating: $0, as: UTF8.self) } }
        }
    }

    func int(_ name: String) throws -> Int? { try required(name, "an integer", int) }
    func double(_ name: String) throws -> Double? { try required(name, "a number", double) }
    func bool(_ name: String) throws -> Bool? { try required(name, "a boolean", bool) }
    func bytes(_ name: String) throws -> [UInt8]? { try required(name, "a bytea", bytes) }

    /// Reads by name: nil means NULL and nothing else.
    private func required<R>(_ name: String, _ kind: String, _ read: (Int) -> R?) throws -> R? {
        guard let column = storage.column(named: name) else {
            throw PostgresError(.invalidResult, "the result has no column \(name)")
        }
        if let value = read(column) { return value }
        if isNull(column) { return nil }
        throw PostgresError(.invalidResult, "the column \(name) does not hold \(kind)")
    }
}
