/// Punycode (RFC 3492) without the `xn--` prefix.
enum Punycode {
    private static let base = 36
    private static let initialBias = 72
    private static let initialCode = 128

    /// The code points of an encoded label, or nil if it is not valid.
    static func decode(_ encoded: [UInt8]) -> [Unicode.Scalar]? {
        let delimiter = encoded.lastIndex(of: UInt8(ascii: "-"))
        var output = encoded[..<(delimiter ?? 0)].map { Unicode.Scalar($0) }
        guard output.allSatisfy(\.isASCII) else { return nil }
        var index = delimiter.map { $0 + 1 } ?? 0
        var code = initialCode
        var position = 0
        var bias = initialBias
        var isFirst = true
        while index < encoded.count {
            let before = position
            var weight = 1
            var step = base
            while true {
                guard index < encoded.count, let digit = digit(encoded[index]) else { return nil }
                index += 1
                position += digit * weight
                let threshold = threshold(step, bias)
                if digit < threshold { break }
                weight *= base - threshold
                guard weight < 1 << 32, position < 1 << 32 else { return nil }
                step += base
            }
            let count = output.count + 1
            bias = adapt(position - before, count: count, isFirst: isFirst)
            isFirst = false
            code += position / count
            position %= count
            guard code <= 0x10FFFF, let scalar = Unicode.Scalar(UInt32(code)) else { return nil }
            output.insert(scalar, at: position)
            position += 1
        }
        return output
    }

    /// The encoded form of code points; nil for a text too long for a label.
    static func encode(_ scalars: [Unicode.Scalar]) -> [UInt8]? {
        guard scalars.count <= 255 else { return nil }
        var output = scalars.filter(\.isASCII).map { UInt8($0.value) }
        var handled = output.count
        if handled > 0 { output.append(UInt8(ascii: "-")) }
        var code = initialCode
        var delta = 0
        var bias = initialBias
        let basic = handled
        while handled < scalars.count {
            guard let next = scalars.lazy.map({ Int($0.value) }).filter({ $0 >= code }).min() else { return nil }
            delta += (next - code) * (handled + 1)
            code = next
            for scalar in scalars {
                if Int(scalar.value) < code { delta += 1 }
                guard Int(scalar.value) == code else { continue }
                var left = delta
                var step = base
                while true {
                    let threshold = threshold(step, bias)
                    if left < threshold { break }
                    output.append(letter(threshold + (left - threshold) % (base - threshold)))
                    left = (left - threshold) / (base - threshold)
                    step += base
                }
                output.append(letter(left))
                bias = adapt(delta, count: handled + 1, isFirst: handled == basic)
                delta = 0
                handled += 1
            }
            delta += 1
            code += 1
        }
        return output
    }

    private static func threshold(_ step: Int, _ bias: Int) -> Int {
        min(max(step - bias, 1), 26)
    }

    private static func adapt(_ delta: Int, count: Int, isFirst: Bool) -> Int {
        var delta = isFirst ? delta / 700 : delta / 2
        delta += delta / count
        var shift = 0
        while delta > 455 {
            delta /= base - 1
            shift += base
        }
        return shift + base * delta / (delta + 38)
    }

    private static func digit(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x61...0x7A: Int(byte - 0x61)
        case 0x30...0x39: Int(byte - 0x30) + 26
        default: nil
        }
    }

    private static func letter(_ digit: Int) -> UInt8 {
        digit < 26 ? UInt8(0x61 + digit) : UInt8(0x30 + digit - 26)
    }
}
