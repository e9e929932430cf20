/// A first-in, first-out queue whose entries can also be taken out by their ticket. Tickets only grow.
struct TicketQueue<Value> {
    private var entries: [(ticket: UInt64, value: Value)] = []
    /// Where the queue begins: taking the first one moves this instead of the others.
    private var start = 0

    var isEmpty: Bool { start == entries.count }

    /// All values, oldest first.
    var values: some Sequence<Value> { entries[start...].lazy.map(\.value) }

    mutating func append(_ value: Value, as ticket: UInt64) {
        entries.append((ticket, value))
    }

    mutating func popFirst() -> (ticket: UInt64, value: Value)? {
        guard start < entries.count else { return nil }
        defer {
            start += 1
            if start * 2 >= entries.count {
                entries.removeFirst(start)
                start = 0
            }
        }
        return entries[start]
    }

    /// Takes out one entry, wherever it stands.
    mutating func remove(_ ticket: UInt64) -> Value? {
        guard let index = entries[start...].firstIndex(where: { $0.ticket == ticket }) else { return nil }
        return entries.remove(at: index).value
    }

    /// Takes out all entries that match; returns their tickets, oldest first.
    mutating func removeAll(where matches: (Value) -> Bool) -> [UInt64] {
        let gone = entries[start...].filter { matches($0.value) }.map(\.ticket)
        if !gone.isEmpty {
            entries = entries[start...].filter { !matches($0.value) }
            start = 0
        }
        return gone
    }
}
