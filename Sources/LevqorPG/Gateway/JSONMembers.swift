/// Walks over the members of a JSON object in PostgreSQL's own text form, without a value made of any.
///
/// For text that PostgreSQL wrote: it is well formed. Where it is not, the walk ends early and `isWhole` stays false.
struct JSONMembers: IteratorProtocol {
    /// A member: the bytes between the quotes of its name, and those of its value, quotes and all.
    typealias Member = (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)

    private let bytes: UnsafeRawBufferPointer
    private var place = 0
    /// Whether the object's end has been reached.
    private(set) var isWhole = false

    /// - Parameter bytes: valid as long as this and what it gives are used.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        skipSpace()
        if byte != UInt8(ascii: "{") { place = bytes.count } else { place += 1 }
    }

    mutating func next() -> Member? {
        skipSpace()
        if byte == UInt8(ascii: ",") {
            place += 1
            skipSpace()
        }
        if byte == UInt8(ascii: "}") {
            isWhole = true
            place = bytes.count
        }
        guard byte == UInt8(ascii: "\""), let name = string() else { return nil }
        skipSpace()
        guard byte == UInt8(ascii: ":") else { return nil }
        place += 1
        skipSpace()
        let start = place
        guard skipValue() else { return nil }
        return (name, UnsafeRawBufferPointer(rebasing: bytes[start..<place]))
    }

    /// The text of a value that is a string; nil for anything else, and for escapes other than those of quotes and
    /// backslashes.
    static func text(_ value: UnsafeRawBufferPointer) -> String? {
        guard value.count >= 2, value[0] == UInt8(ascii: "\"") else { return nil }
        let inside = UnsafeRawBufferPointer(rebasing: value[1..<(value.count - 1)])
        guard inside.contains(UInt8(ascii: "\\")) else { return String(decoding: inside, as: UTF8.self) }
        var isPlain = true
        let text = String(unsafeUninitializedCapacity: inside.count) { target in
            var count = 0
            var place = 0
            while place < inside.count {
                if inside[place] == UInt8(ascii: "\\") {
                    place += 1
                    guard
                        place < inside.count,
                        inside[place] == UInt8(ascii: "\"") || inside[place] == UInt8(ascii: "\\")
                    else {
                        isPlain = false
                        return 0
                    }
                }
                target[count] = inside[place]
                count += 1
                place += 1
            }
            return count
        }
        return isPlain ? text : nil
    }

    private var byte: UInt8 { place < bytes.count ? bytes[place] : 0 }

    private mutating func skipSpace() {
        while place < bytes.count, bytes[place] <= UInt8(ascii: " ") { place += 1 }
    }

    /// The bytes between two quotes; stands behind the second one then.
    private mutating func string() -> UnsafeRawBufferPointer? {
        place += 1
        let start = place
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""):
                place += 1
                return UnsafeRawBufferPointer(rebasing: bytes[start..<(place - 1)])
            case UInt8(ascii: "\\"): place += 2
            default: place += 1
            }
        }
        place = bytes.count
        return nil
    }

    private mutating func skipValue() -> Bool {
        var depth = 0
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""):
                guard string() != nil else { return false }
                if depth == 0 { return true }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                place += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                // The end of the object that the value stands in.
                if depth == 0 { return true }
                depth -= 1
                place += 1
                if depth == 0 { return true }
            case UInt8(ascii: ",") where depth == 0: return true
            default: place += 1
            }
        }
        return false
    }
}

extension UnsafeRawBufferPointer {
    /// Whether these are the bytes of a text.
    func holds(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        for place in 0..<count where self[place] != text.utf8Start[place] { return false }
        return true
    }
}
