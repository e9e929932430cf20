/// A JSON number with its exact text, comparable without rounding.
///
/// Numbers of up to 18 significant digits carry their value as `coefficient × 10^exponent`, the coefficient without
/// trailing zeros, so equal values have equal fields. Longer ones are compared digit by digit from the text.
struct JSONNumber: Sendable {
    /// The number as it stood in the text.
    let text: String
    let coefficient: Int64
    let exponent: Int32
    /// Whether `coefficient` and `exponent` hold the whole value.
    let isCompact: Bool

    /// Made by the parser, which has seen every digit of the text.
    init(text: String, coefficient: Int64, exponent: Int32, isCompact: Bool) {
        self.text = text
        self.coefficient = coefficient
        self.exponent = exponent
        self.isCompact = isCompact
    }

    /// Whether the value has no fractional part (`1.0` and `1e2` have none).
    var isInteger: Bool {
        isCompact ? exponent >= 0 : decimal.exponent >= 0
    }

    /// The value as a 64-bit integer, if it is one that fits.
    var int64: Int64? {
        if isCompact {
            guard exponent >= 0 else { return nil }
            guard coefficient != 0 else { return 0 }
            guard exponent <= 18 else { return nil }
            let (value, overflow) = coefficient.multipliedReportingOverflow(by: Self.powersOfTen[Int(exponent)])
            return overflow ? nil : value
        }
        let decimal = decimal
        guard decimal.exponent >= 0, decimal.digits.count + decimal.exponent <= 19 else { return nil }
        let digits = decimal.digits.map { String($0) }.joined() + String(repeating: "0", count: decimal.exponent)
        return Int64((decimal.isNegative ? "-" : "") + digits)
    }

    /// The nearest double; infinite where the number is beyond the range of doubles.
    var double: Double {
        Double(text) ?? .nan
    }

    /// The value as digits, for numbers that do not fit the compact form.
    var decimal: JSONDecimal {
        JSONDecimal(text: text)
    }

    static let powersOfTen: [Int64] = (0...18).map { power in
        (0..<power).reduce(into: 1 as Int64) { value, _ in value *= 10 }
    }

    /// Less than, equal to or greater than zero as the number is below, equal to or above another.
    func compared(to other: JSONNumber) -> Int {
        guard isCompact, other.isCompact else { return decimal.compared(to: other.decimal) }
        if exponent == other.exponent {
            return coefficient < other.coefficient ? -1 : (coefficient == other.coefficient ? 0 : 1)
        }
        if exponent > other.exponent {
            return Self.compareScaled(coefficient, by: Int(exponent) - Int(other.exponent), with: other.coefficient)
        }
        return -Self.compareScaled(other.coefficient, by: Int(other.exponent) - Int(exponent), with: coefficient)
    }

    /// Compares `large × 10^power` with `small`; both have at most 18 digits.
    private static func compareScaled(_ large: Int64, by power: Int, with small: Int64) -> Int {
        if power <= 18 {
            let (value, overflow) = large.multipliedReportingOverflow(by: powersOfTen[power])
            if !overflow { return value < small ? -1 : (value == small ? 0 : 1) }
        }
        // Zero has the exponent 0 and the other side may be of either sign; a non-zero value of more than 18 digits
        // outweighs any coefficient, so its sign decides.
        if large == 0 { return small == 0 ? 0 : (small < 0 ? 1 : -1) }
        return large < 0 ? -1 : 1
    }

    /// Whether the number divided by another is an integer; exact for a compact, non-zero divisor.
    func isMultiple(of divisor: JSONNumber) -> Bool {
        guard divisor.isCompact, divisor.coefficient != 0 else { return false }
        let modulus = divisor.coefficient.magnitude
        var remainder: UInt64 = 0
        let power: Int
        if isCompact {
            if coefficient == 0 { return true }
            remainder = coefficient.magnitude % modulus
            power = Int(exponent) - Int(divisor.exponent)
        } else {
            let decimal = decimal
            for digit in decimal.digits {
                let (high, low) = remainder.multipliedFullWidth(by: 10)
                let (sum, carry) = low.addingReportingOverflow(UInt64(digit))
                remainder = modulus.dividingFullWidth((high + (carry ? 1 : 0), sum)).remainder
            }
            power = decimal.exponent - Int(divisor.exponent)
        }
        // The last digit of the value is not zero, so ten cannot divide it.
        guard power >= 0 else { return false }
        return Self.multiply(remainder, byTenTo: power, modulo: modulus) == 0
    }

    /// `value × 10^power` modulo `modulus`, by repeated squaring.
    private static func multiply(_ value: UInt64, byTenTo power: Int, modulo modulus: UInt64) -> UInt64 {
        func product(_ one: UInt64, _ other: UInt64) -> UInt64 {
            modulus.dividingFullWidth(one.multipliedFullWidth(by: other)).remainder
        }
        var result = value % modulus
        var base = 10 % modulus
        var left = power
        while left > 0 {
            if left & 1 == 1 { result = product(result, base) }
            base = product(base, base)
            left >>= 1
        }
        return result
    }
}

extension JSONNumber: Hashable {
    static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        guard left.isCompact == right.isCompact else { return false }
        if left.isCompact { return left.coefficient == right.coefficient && left.exponent == right.exponent }
        return left.decimal == right.decimal
    }

    func hash(into hasher: inout Hasher) {
        if isCompact {
            hasher.combine(coefficient)
            hasher.combine(exponent)
        } else {
            hasher.combine(decimal)
        }
    }
}
