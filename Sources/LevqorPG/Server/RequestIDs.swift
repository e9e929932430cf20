/// The id of a request: taken from X-Request-Id when it is fit to be logged, made otherwise.
enum RequestIDs {
    static func choose(_ given: String?) -> String {
        if let given, (8...64).contains(given.utf8.count), given.utf8.allSatisfy(isFit) { return given }
        var generator = SystemRandomNumberGenerator()
        let number = (generator.next(), generator.next())
        return hex(number.0) + hex(number.1)
    }

    private static func isFit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private static func hex(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
