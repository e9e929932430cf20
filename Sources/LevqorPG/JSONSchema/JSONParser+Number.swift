extension JSONParser {
    /// Digits that PostgreSQL's numeric can hold before the decimal point.
    static let maximumIntegerDigits = 131_072
    /// Digits that PostgreSQL's numeric can hold after the decimal point.
    static let maximumFractionDigits = 16_383
    /// PostgreSQL refuses exponents from half of INT_MAX on, whatever the digits (numeric.c, set_var_from_str).
    private static let exponentBound = 1_073_741_823

    /// Gathers the significant digits of a number while it is read.
    private struct Digits {
        var coefficient: Int64 = 0
        /// Digits from the first one that is not zero up to the last one that is not zero.
        var significant = 0
        /// Zeros read since then; they count only if another digit follows.
        var zeros = 0
        /// All digits from the first one that is not zero.
        var fromFirst: Int { significant + zeros }

        @inline(__always)
        mutating func append(_ digit: UInt8) {
            if digit == 0 {
                if significant > 0 { zeros += 1 }
                return
            }
            significant += zeros + 1
            if significant <= 18 {
                while zeros > 0 {
                    coefficient *= 10
                    zeros -= 1
                }
                coefficient = coefficient * 10 + Int64(digit)
            }
            zeros = 0
        }
    }

    /// Reads a number; the current byte is a minus sign or a digit.
    mutating func number() throws(JSONParseError) -> JSONNumber {
        let start = position
        let isNegative = bytes[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        var digits = Digits()
        let integerStart = position
        try readDigits(into: &digits, from: start)
        if position - integerStart > 1, bytes[integerStart] == UInt8(ascii: "0") {
            throw refusal(.invalidNumber, at: start, "A number may not start with a superfluous zero.")
        }
        var fraction = 0
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            let fractionStart = position
            try readDigits(into: &digits, from: start)
            fraction = position - fractionStart
        }
        var power = 0
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            power = try readExponent(from: start)
        }
        try checkRange(digits, fraction: fraction, power: power, at: start)
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
        guard digits.significant > 0 else {
            return JSONNumber(text: text, coefficient: 0, exponent: 0, isCompact: true)
        }
        let isCompact = digits.significant <= 18
        return JSONNumber(
            text: text,
            coefficient: isCompact ? (isNegative ? -digits.coefficient : digits.coefficient) : 0,
            exponent: isCompact ? Int32(power - fraction + digits.zeros) : 0,
            isCompact: isCompact
        )
    }

    private mutating func readDigits(into digits: inout Digits, from start: Int) throws(JSONParseError) {
        let first = position
        while position < bytes.count {
            let digit = bytes[position] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            digits.append(digit)
            position += 1
        }
        guard position > first else { throw missingDigit() }
    }

    private mutating func readExponent(from start: Int) throws(JSONParseError) -> Int {
        position += 1
        var isNegative = false
        if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
            isNegative = bytes[position] == UInt8(ascii: "-")
            position += 1
        }
        let first = position
        var power = 0
        while position < bytes.count {
            let digit = bytes[position] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            power = min(power * 10 + Int(digit), Self.exponentBound)
            position += 1
        }
        guard position > first else { throw missingDigit() }
        guard power < Self.exponentBound else {
            throw refusal(.numberOutOfRange, at: start, "The exponent of the number is out of range.")
        }
        return isNegative ? -power : power
    }

    private func missingDigit() -> JSONParseError {
        guard position < bytes.count else { return unexpectedEnd("a digit of a number") }
        return refusal(.invalidNumber, at: position, "A digit was expected here.")
    }

    private func checkRange(
        _ digits: Digits,
        fraction: Int,
        power: Int,
        at start: Int
    ) throws(JSONParseError) {
        guard fraction - power <= Self.maximumFractionDigits else {
            let limit = Self.maximumFractionDigits
            throw refusal(.numberOutOfRange, at: start, "The number has more than \(limit) digits after the point.")
        }
        guard digits.significant == 0 || digits.fromFirst - fraction + power <= Self.maximumIntegerDigits else {
            let limit = Self.maximumIntegerDigits
            throw refusal(.numberOutOfRange, at: start, "The number has more than \(limit) digits before the point.")
        }
    }
}
