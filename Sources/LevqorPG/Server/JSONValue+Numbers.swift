extension JSONValue {
    /// Whether some number in it would be very long if it were written without an exponent.
    ///
    /// PostgreSQL keeps `1e131000` in a few bytes and writes it in 131,001: a small body would become gigabytes.
    var holdsEnormousNumber: Bool {
        switch self {
        case .null, .bool, .string: false
        case .number(let number):
            abs(number.isCompact ? Int(number.exponent) : number.decimal.exponent) > 308
        case .array(let elements): elements.contains(where: \.holdsEnormousNumber)
        case .object(let object): object.members.contains(where: \.value.holdsEnormousNumber)
        }
    }
}
