/// The id of a request: taken from X-Request-Id when it is fit to be logged, made otherwise.
enum RequestIDs {
    /// 128 bits of a generator that was begun with the system's random bits: unlike any other, and no secret.
    private static let generator = Locked(Xoshiro())

    static func choose(_ given: String?) -> String {
        if let given, (8...64).contains(given.utf8.count), given.utf8.allSatisfy(isFit) { return given }
        let (high, low) = generator.withLock { ($0.next(), $0.next()) }
        return String(unsafeUninitializedCapacity: 32) { digits in
            for place in 0..<16 {
                digits[place] = hexDigit(high, place)
                digits[place + 16] = hexDigit(low, place)
            }
            return 32
        }
    }

    private static func isFit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private static func hexDigit(_ number: UInt64, _ place: Int) -> UInt8 {
        let digit = UInt8(truncatingIfNeeded: number >> UInt64(60 - 4 * place)) & 15
        return digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }

    /// xoshiro256** of Blackman and Vigna: the system's own generator would be a system call for each number.
    private struct Xoshiro {
        private var state: (UInt64, UInt64, UInt64, UInt64)

        init() {
            var system = SystemRandomNumberGenerator()
            state = (system.next(), system.next(), system.next(), system.next() | 1)
        }

        mutating func next() -> UInt64 {
            let product = state.1 &* 5
            let result = (product << 7 | product >> 57) &* 9
            let shifted = state.1 << 17
            state.2 ^= state.0
            state.3 ^= state.1
            state.1 ^= state.2
            state.0 ^= state.3
            state.2 ^= shifted
            state.3 = state.3 << 45 | state.3 >> 19
            return result
        }
    }
}
