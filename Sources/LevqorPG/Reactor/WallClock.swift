import Foundation

/// The time of the machine.
struct WallClock: Sendable {
    let seconds: Int
    let nanoseconds: Int

    static func now() -> WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallClock(seconds: time.tv_sec, nanoseconds: time.tv_nsec)
    }

    /// ISO 8601 in UTC, with microseconds.
    var text: String {
        let fraction = String(nanoseconds / 1000)
        return textToTheSecond + "." + String(repeating: "0", count: 6 - fraction.count) + fraction + "Z"
    }

    /// The same up to the seconds, without a zone.
    var textToTheSecond: String {
        var seconds = time_t(seconds)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
