extension Duration {
    /// Whole milliseconds, rounded up, so that a wait for it never ends too early; held within an `Int32`.
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < Int64(Int32.max) / 1000 else { return Int(Int32.max) }
        guard seconds > Int64(Int32.min) / 1000 else { return Int(Int32.min) }
        // Division cuts towards zero, which is up for what is negative.
        let up: Int64 = attoseconds > 0 ? 999_999_999_999_999 : 0
        return Int(seconds * 1000 + (attoseconds + up) / 1_000_000_000_000_000)
    }
}
