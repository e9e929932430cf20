/// Reads the two formats of a cell without making a String on the way.
enum PostgresCell {
    private static let byteaOID: UInt32 = 17
    private static let floatOIDs: (single: UInt32, double: UInt32) = (700, 701)

    static func int(_ cell: UnsafeRawBufferPointer, _ format: PostgresFormat) -> Int? {
        switch format {
        case .text: decimal(cell)
        case .binary:
            switch cell.count {
            case 2: Int(Int16(bigEndian: cell.loadUnaligned(as: Int16.self)))
            case 4: Int(Int32(bigEndian: cell.loadUnaligned(as: Int32.self)))
            case 8: Int(Int64(bigEndian: cell.loadUnaligned(as: Int64.self)))
            default: nil
            }
        }
    }

    static func double(_ cell: UnsafeRawBufferPointer, _ format: PostgresFormat, type: UInt32) -> Double? {
        switch format {
        case .text: return Double(String(decoding: cell, as: UTF8.self))
        case .binary:
            if type == floatOIDs.single, cell.count == 4 {
                return Double(Float(bitPattern: UInt32(bigEndian: cell.loadUnaligned(as: UInt32.self))))
            }
            if type == floatOIDs.double, cell.count == 8 {
                return Double(bitPattern: UInt64(bigEndian: cell.loadUnaligned(as: UInt64.self)))
            }
            return nil
        }
    }

    static func bool(_ cell: UnsafeRawBufferPointer, _ format: PostgresFormat) -> Bool? {
        guard cell.count == 1 else { return nil }
        switch (format, cell[0]) {
        case (.text, UInt8(ascii: "t")), (.binary, 1): return true
        case (.text, UInt8(ascii: "f")), (.binary, 0): return false
        default: return nil
        }
    }

    static func bytes(_ cell: UnsafeRawBufferPointer, _ format: PostgresFormat, type: UInt32) -> [UInt8]? {
        guard format == .text, type == byteaOID else { return Array(cell) }
        // bytea_output is hex unless someone set it otherwise; the escape form is refused rather than misread.
        guard cell.count >= 2, cell.count % 2 == 0, cell[0] == UInt8(ascii: "\\"), cell[1] == UInt8(ascii: "x") else {
            return nil
        }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(cell.count / 2 - 1)
        for index in stride(from: 2, to: cell.count, by: 2) {
            guard let high = nibble(cell[index]), let low = nibble(cell[index + 1]) else { return nil }
            decoded.append(high << 4 | low)
        }
        return decoded
    }

    /// An optional minus and digits; nil for anything else and on overflow.
    private static func decimal(_ cell: UnsafeRawBufferPointer) -> Int? {
        let negative = cell.first == UInt8(ascii: "-")
        let digits = negative ? cell.dropFirst() : cell[...]
        guard !digits.isEmpty else { return nil }
        var value = 0
        for byte in digits {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
            // Counts downwards, as Int.min has no positive twin.
            let (next, tooSmall) = product.subtractingReportingOverflow(Int(byte - UInt8(ascii: "0")))
            guard !tooLarge, !tooSmall else { return nil }
            value = next
        }
        if negative { return value }
        return value == .min ? nil : -value
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
