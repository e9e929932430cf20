/// Dates, times and durations of RFC 3339.
enum DateTimeFormat {
    static func isDateTime(_ text: String) -> Bool {
        var cursor = ByteCursor(text)
        return takeDate(&cursor) && cursor.takeLetter("t") && takeTime(&cursor) && cursor.isAtEnd
    }

    static func isDate(_ text: String) -> Bool {
        var cursor = ByteCursor(text)
        return takeDate(&cursor) && cursor.isAtEnd
    }

    static func isTime(_ text: String) -> Bool {
        var cursor = ByteCursor(text)
        return takeTime(&cursor) && cursor.isAtEnd
    }

    /// A duration by RFC 3339, appendix A: weeks stand alone, and units may not be left out in between.
    static func isDuration(_ text: String) -> Bool {
        var cursor = ByteCursor(text)
        guard cursor.take("P") else { return false }
        guard let date = takeUnits(&cursor, of: ["Y", "M", "D"], alone: "W") else { return false }
        guard cursor.take("T") else { return date > 0 && cursor.isAtEnd }
        guard date < 4, let time = takeUnits(&cursor, of: ["H", "M", "S"], alone: nil) else { return false }
        return time > 0 && cursor.isAtEnd
    }

    /// Takes numbers with units in their order, without a gap; the count is 4 for the unit that stands alone.
    private static func takeUnits(
        _ cursor: inout ByteCursor,
        of units: [Unicode.Scalar],
        alone: Unicode.Scalar?
    ) -> Int? {
        var last: Int?
        var count = 0
        while let byte = cursor.current, byte >= 0x30, byte <= 0x39 {
            _ = cursor.skipDigits()
            if let alone, count == 0, cursor.take(alone) { return 4 }
            guard let unit = units.indices.first(where: { cursor.take(units[$0]) }) else { return nil }
            if let last, unit != last + 1 { return nil }
            last = unit
            count += 1
        }
        return count
    }

    private static func takeDate(_ cursor: inout ByteCursor) -> Bool {
        guard let year = cursor.number(digits: 4), cursor.take("-"),
            let month = cursor.number(digits: 2), cursor.take("-"),
            let day = cursor.number(digits: 2)
        else { return false }
        guard (1...12).contains(month) else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return (1...days[month - 1]).contains(day)
    }

    private static func takeTime(_ cursor: inout ByteCursor) -> Bool {
        guard let hour = cursor.number(digits: 2), cursor.take(":"),
            let minute = cursor.number(digits: 2), cursor.take(":"),
            let second = cursor.number(digits: 2),
            hour < 24, minute < 60, second <= 60
        else { return false }
        if cursor.take("."), cursor.skipDigits() == 0 { return false }
        var offset = 0
        if !cursor.takeLetter("z") {
            let isEast = cursor.take("+")
            guard isEast || cursor.take("-") else { return false }
            guard let hours = cursor.number(digits: 2), cursor.take(":"),
                let minutes = cursor.number(digits: 2), hours < 24, minutes < 60
            else { return false }
            offset = (hours * 60 + minutes) * (isEast ? 1 : -1)
        }
        // A leap second is added at the end of a day of UTC.
        let minuteOfDay = (hour * 60 + minute - offset + 2 * 1440) % 1440
        return second < 60 || minuteOfDay == 1439
    }
}
