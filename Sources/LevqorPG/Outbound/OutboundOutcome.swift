/// How a request ended. There is always exactly one, and it is a value: sending never throws.
enum OutboundOutcome: Sendable, Equatable {
    /// The other side answered, with whatever status.
    case response(OutboundResponse)
    /// There was no complete answer.
    case failure(OutboundFailure)
}
