import CLibPQ

/// Owns one PGresult and clears it once.
///
/// The cells are read where libpq put them: nothing is copied until someone asks for a String.
///
/// `@unchecked Sendable`: the pointer is constant and nothing writes to the result after libpq handed it over. libpq's
/// manual (34.20): "PGresult objects are normally read-only after creation, and so can be passed around freely between
/// threads."
final class PostgresResultStorage: @unchecked Sendable {
    private let raw: OpaquePointer
    let rowCount: Int
    let columnCount: Int

    /// Takes the result over; the caller must not clear it.
    init(taking raw: OpaquePointer) {
        self.raw = raw
        rowCount = Int(PQntuples(raw))
        columnCount = Int(PQnfields(raw))
    }

    deinit {
        PQclear(raw)
    }

    var status: ExecStatusType { PQresultStatus(raw) }

    var affectedRows: Int {
        guard let text = PQcmdTuples(raw) else { return 0 }
        return Int(String(cString: text)) ?? 0
    }

    var commandTag: String { PQcmdStatus(raw).map { String(cString: $0) } ?? "" }

    func columnName(_ column: Int) -> String {
        PQfname(raw, Int32(column)).map { String(cString: $0) } ?? ""
    }

    /// The first column of that name. Compares bytes: PQfnumber would fold case and copy.
    func column(named name: String) -> Int? {
        for column in 0..<columnCount {
            guard let candidate = PQfname(raw, Int32(column)) else { continue }
            if name.withCString({ levqor_pg_same_text(candidate, $0) }) != 0 { return column }
        }
        return nil
    }

    func format(_ column: Int) -> PostgresFormat {
        PQfformat(raw, Int32(column)) == 1 ? .binary : .text
    }

    func typeOID(_ column: Int) -> UInt32 { PQftype(raw, Int32(column)) }

    /// The bytes of a cell, nil for NULL and for a cell that does not exist. Valid as long as this object lives.
    func cell(_ row: Int, _ column: Int) -> UnsafeRawBufferPointer? {
        guard row >= 0, row < rowCount, column >= 0, column < columnCount else { return nil }
        let (row, column) = (Int32(row), Int32(column))
        // For NULL libpq returns an empty string, so the length alone does not tell (manual, PQgetvalue).
        guard PQgetisnull(raw, row, column) == 0, let start = PQgetvalue(raw, row, column) else { return nil }
        return UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(raw, row, column)))
    }

    /// One field of an error report, nil where the server sent none.
    func diagnostic(_ field: Int32) -> String? {
        PQresultErrorField(raw, field).map { String(cString: $0) }
    }

    var errorMessage: String {
        PQresultErrorMessage(raw).map { String(cString: $0) } ?? ""
    }
}
