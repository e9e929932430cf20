extension PostgresError {
    /// A lock, deadlock or serialization failure that hit the whole statement: worth another try.
    var isWorthRepeating: Bool {
        code == .server && ["40001", "40P01", "55P03"].contains(sqlstate)
    }
}
