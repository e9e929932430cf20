/// Those who wait for something, first come first served, each of whom can leave at any time.
///
/// Whoever takes a waiter out owns it: that is how a continuation is resumed exactly once.
struct PostgresWaitQueue<Waiter> {
    private var waiting: [UInt64: Waiter] = [:]
    /// Tickets in order of arrival, some of them gone; everything before `head` is.
    private var order: [UInt64] = []
    private var head = 0

    var count: Int { waiting.count }

    /// Adds a waiter under a ticket that is used once.
    mutating func append(_ waiter: Waiter, ticket: UInt64) {
        waiting[ticket] = waiter
        order.append(ticket)
    }

    /// Takes one waiter out; nil if it was taken before.
    mutating func remove(ticket: UInt64) -> Waiter? {
        waiting.removeValue(forKey: ticket)
    }

    /// Takes the one out that has waited longest.
    mutating func popFirst() -> Waiter? {
        while head < order.count {
            let ticket = order[head]
            head += 1
            if let waiter = waiting.removeValue(forKey: ticket) {
                compact()
                return waiter
            }
        }
        compact()
        return nil
    }

    /// Takes all out.
    mutating func removeAll() -> [Waiter] {
        var taken: [Waiter] = []
        while let waiter = popFirst() { taken.append(waiter) }
        return taken
    }

    private mutating func compact() {
        guard head == order.count || head > 1024 && head > order.count / 2 else { return }
        order.removeFirst(head)
        head = 0
    }
}
