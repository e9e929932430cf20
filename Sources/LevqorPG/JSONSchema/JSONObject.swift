/// The members of a JSON object in the order of the text, with no name twice.
struct JSONObject: Sendable {
    /// One name with its value.
    struct Member: Sendable {
        let name: String
        let value: JSONValue
    }

    /// Up to this many members, comparing each name is cheaper than hashing.
    static let linearLimit = 16

    let members: [Member]
    private let positions: [JSONKey: Int]?

    /// Makes an object of members whose names are known to differ.
    ///
    /// - Parameter positions: where each name stands; needed from `linearLimit` members on, else nil.
    init(members: [Member], positions: [JSONKey: Int]?) {
        self.members = members
        self.positions = positions
    }

    /// Makes an object of members; of two with the same name the first is found.
    init(_ members: [Member]) {
        self.members = members
        if members.count > Self.linearLimit {
            positions = Dictionary(
                members.enumerated().map { (JSONKey($0.element.name), $0.offset) },
                uniquingKeysWith: { first, _ in first }
            )
        } else {
            positions = nil
        }
    }

    /// The place of the member with this name, or nil.
    func position(of name: String) -> Int? {
        if let positions { return positions[JSONKey(name)] }
        for position in members.indices where JSONKey.same(members[position].name, name) {
            return position
        }
        return nil
    }

    /// The value under a name, or nil.
    subscript(name: String) -> JSONValue? {
        position(of: name).map { members[$0].value }
    }
}

extension JSONObject: Hashable {
    static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members.count == right.members.count
            && left.members.allSatisfy { right[$0.name] == $0.value }
    }

    func hash(into hasher: inout Hasher) {
        // The order of members does not count, so their hashes are combined by a sum.
        var sum = 0
        for member in members {
            var inner = Hasher()
            inner.combine(JSONKey(member.name))
            inner.combine(member.value)
            sum &+= inner.finalize()
        }
        hasher.combine(members.count)
        hasher.combine(sum)
    }
}
