import Foundation

/// The time as the header Date tells it (RFC 9110, 5.6.7), made once a second.
enum DateText {
    private static let made = Locked<(second: Int, text: String)>((0, ""))

    static func now() -> String {
        let second = WallClock.now().seconds
        return made.withLock { made in
            if made.second != second { made = (second, text(second)) }
            return made.text
        }
    }

    static func text(_ second: Int) -> String {
        var time = time_t(second)
        var parts = tm()
        gmtime_r(&time, &parts)
        // strftime's names of days and months are English as long as nobody calls setlocale.
        return String(unsafeUninitializedCapacity: 40) { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                strftime($0.baseAddress, $0.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
            }
        }
    }
}
