/// Reads a one-dimensional PostgreSQL array of text in its text form.
enum PostgresArrayText {
    /// The elements; NULL elements are left out.
    static func elements(_ bytes: UnsafeRawBufferPointer) -> [String] {
        var elements: [String] = []
        var current: [UInt8] = []
        var isQuoted = false
        var wasQuoted = false
        var index = 1
        func finish() {
            if wasQuoted || (!current.isEmpty && current != Array("NULL".utf8)) {
                elements.append(String(decoding: current, as: UTF8.self))
            }
            current.removeAll(keepingCapacity: true)
            wasQuoted = false
        }
        while index < bytes.count {
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\\"):
                index += 1
                if index < bytes.count { current.append(bytes[index]) }
            case UInt8(ascii: "\""):
                isQuoted.toggle()
                wasQuoted = true
            case UInt8(ascii: ",") where !isQuoted: finish()
            case UInt8(ascii: "}") where !isQuoted:
                finish()
                return elements
            default: current.append(byte)
            }
            index += 1
        }
        return elements
    }
}
