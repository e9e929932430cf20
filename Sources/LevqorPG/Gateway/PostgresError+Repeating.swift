extension PostgresError {
    /// A lock, deadlock or serialization failure that hit the whole statement: worth another try.
    var isWorthRepeating: Bool {
        code == .server && ["40001", "40P01", "55P03"].contains(sqlstate)
    }

    /// The statement went out, and nobody knows whether it was carried out.
    var mayHaveBeenDone: Bool { isOutcomeUnknown || code == .deadlineExceeded }

    /// A data exception or a broken constraint: the same statement with the same parameters will fail again.
    var isOfItsContent: Bool {
        guard code == .server, let kind = sqlstate?.prefix(2) else { return code == .invalidParameter }
        return ["21", "22", "23"].contains(kind)
    }
}
