/// The answer to one statement: rows that can be read from any thread and as often as wanted.
struct PostgresResult: Sendable, RandomAccessCollection {
    let storage: PostgresResultStorage

    var startIndex: Int { 0 }
    var endIndex: Int { storage.rowCount }
    /// The number of rows returned.
    var count: Int { storage.rowCount }

    /// The names of the columns, in order. Makes an array: look a column's number up once, outside of a loop.
    var columns: [String] { (0..<storage.columnCount).map(storage.columnName) }

    /// How many rows an insert, update, delete, merge, copy or select touched; zero for other commands.
    var affectedRows: Int { storage.affectedRows }

    /// The command as the server names it, such as `INSERT 0 1`.
    var commandTag: String { storage.commandTag }

    /// The number of the first column of that name.
    func column(_ name: String) -> Int? { storage.column(named: name) }

    subscript(row: Int) -> PostgresRow {
        precondition(row >= 0 && row < storage.rowCount, "row out of range")
        return PostgresRow(storage: storage, index: row)
    }
}
