/// An answer with the hints that came with it.
struct GatewayReply: Sendable {
    var answer: GatewayAnswer
    var hints: [Hint]
}
