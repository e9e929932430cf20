import NIOCore

/// A text with places for figures, cut up once, so that filling it in is copying bytes.
struct TextTemplate: Sendable {
    /// What goes into the places.
    struct Figures: Sendable {
        /// Whole seconds that are left: `{seconds}`.
        let seconds: Int
        /// When they are over, in Unix time: `{reset}`.
        let reset: Int
        /// Of the request that is answered: `{request_id}`.
        let requestID: String
    }

    private enum Piece: Sendable {
        case text([UInt8])
        case seconds
        case reset
        case requestID
    }

    private static let places: [(token: String, piece: Piece)] = [
        ("{seconds}", .seconds), ("{reset}", .reset), ("{request_id}", .requestID),
    ]

    private let pieces: [Piece]
    /// About how long it gets.
    private let size: Int

    init(_ text: String) {
        var pieces: [Piece] = []
        var rest = text[...]
        var literal: [UInt8] = []
        func finish() {
            if !literal.isEmpty { pieces.append(.text(literal)) }
            literal = []
        }
        while let brace = rest.utf8.firstIndex(of: UInt8(ascii: "{")) {
            literal.append(contentsOf: rest[..<brace].utf8)
            rest = rest[brace...]
            if let place = Self.places.first(where: { rest.hasPrefix($0.token) }) {
                finish()
                pieces.append(place.piece)
                rest = rest.dropFirst(place.token.count)
            } else {
                literal.append(UInt8(ascii: "{"))
                rest = rest.dropFirst()
            }
        }
        literal.append(contentsOf: rest.utf8)
        finish()
        self.pieces = pieces
        size = text.utf8.count + 64
    }

    /// Whether it has no place at all.
    var isConstant: Bool {
        pieces.allSatisfy { if case .text = $0 { true } else { false } }
    }

    /// Whether it is another for each request.
    var namesRequest: Bool {
        pieces.contains { if case .requestID = $0 { true } else { false } }
    }

    /// The text with the figures in their places.
    func fill(_ figures: Figures) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.reserveCapacity(size)
        for piece in pieces {
            switch piece {
            case .text(let text): bytes.writeBytes(text)
            case .seconds: bytes.writeString(String(figures.seconds))
            case .reset: bytes.writeString(String(figures.reset))
            case .requestID: bytes.writeString(figures.requestID)
            }
        }
        return bytes
    }
}
