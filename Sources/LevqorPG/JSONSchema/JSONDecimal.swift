/// A decimal number as its significant digits and a power of ten, without leading or trailing zeros.
///
/// Equal values have equal fields. Only numbers of more than 18 significant digits need it.
struct JSONDecimal: Hashable, Sendable {
    let isNegative: Bool
    let digits: [UInt8]
    /// The power of ten of the last digit.
    let exponent: Int

    /// Reads the text of a valid JSON number.
    init(text: String) {
        var digits: [UInt8] = []
        var exponent = 0
        var isNegative = false
        var inFraction = false
        var bytes = text.utf8.makeIterator()
        scan: while let byte = bytes.next() {
            switch byte {
            case UInt8(ascii: "-"):
                isNegative = true
            case UInt8(ascii: "."):
                inFraction = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                var power = 0
                var powerIsNegative = false
                while let byte = bytes.next() {
                    if byte == UInt8(ascii: "-") { powerIsNegative = true }
                    guard byte >= UInt8(ascii: "0") else { continue }
                    power = min(power * 10 + Int(byte - UInt8(ascii: "0")), 1 << 40)
                }
                exponent += powerIsNegative ? -power : power
                break scan
            default:
                let digit = byte - UInt8(ascii: "0")
                if inFraction { exponent -= 1 }
                if digit != 0 || !digits.isEmpty { digits.append(digit) }
            }
        }
        while digits.last == 0 {
            digits.removeLast()
            exponent += 1
        }
        self.isNegative = isNegative && !digits.isEmpty
        self.exponent = digits.isEmpty ? 0 : exponent
        self.digits = digits
    }

    /// Less than, equal to or greater than zero as the number is below, equal to or above another.
    func compared(to other: JSONDecimal) -> Int {
        if isNegative != other.isNegative { return isNegative ? -1 : 1 }
        let magnitude = comparedMagnitude(to: other)
        return isNegative ? -magnitude : magnitude
    }

    private func comparedMagnitude(to other: JSONDecimal) -> Int {
        if digits.isEmpty || other.digits.isEmpty {
            return digits.isEmpty ? (other.digits.isEmpty ? 0 : -1) : 1
        }
        let top = digits.count + exponent
        let otherTop = other.digits.count + other.exponent
        if top != otherTop { return top < otherTop ? -1 : 1 }
        for (digit, otherDigit) in zip(digits, other.digits) where digit != otherDigit {
            return digit < otherDigit ? -1 : 1
        }
        return digits.count == other.digits.count ? 0 : (digits.count < other.digits.count ? -1 : 1)
    }
}
