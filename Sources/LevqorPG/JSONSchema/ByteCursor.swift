/// Reads the bytes of a short text from left to right.
struct ByteCursor {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    var isAtEnd: Bool { position == bytes.count }

    var current: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    /// Takes one byte if it is the given one.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    /// Takes a letter in either case; the argument is lower case.
    mutating func takeLetter(_ letter: Unicode.Scalar) -> Bool {
        guard let current, current | 0x20 == UInt8(ascii: letter) else { return false }
        position += 1
        return true
    }

    /// Takes exactly this many decimal digits and returns their value.
    mutating func number(digits: Int) -> Int? {
        var value = 0
        for _ in 0..<digits {
            guard let byte = current, byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int(byte - 0x30)
            position += 1
        }
        return value
    }

    /// Takes all decimal digits that follow and returns how many there were.
    mutating func skipDigits() -> Int {
        let start = position
        while let byte = current, byte >= 0x30, byte <= 0x39 { position += 1 }
        return position - start
    }
}
