/// Parameters of header fields in any script and of any length (RFC 2231).
enum MIMEParameter {
    private static let segmentLength = 50

    /// The words of one parameter, each but the last with its semicolon, for `HeaderText.field`.
    static func words(_ name: String, _ value: String) -> [String] {
        let isSimple =
            value.utf8.count <= segmentLength
            && value.utf8.allSatisfy { (0x20...0x7e).contains($0) && !"\"\\".utf8.contains($0) }
        if isSimple { return ["\(name)=\"\(value)\""] }

        var segments = ["UTF-8''"]
        for byte in value.utf8 {
            let piece = isAttributeByte(byte) ? String(UnicodeScalar(byte)) : "%" + hex(byte)
            if segments[segments.count - 1].utf8.count + piece.utf8.count > segmentLength { segments.append("") }
            segments[segments.count - 1] += piece
        }
        if segments.count == 1 { return ["\(name)*=\(segments[0])"] }
        return segments.enumerated().map { place, segment in
            "\(name)*\(place)*=\(segment)" + (place < segments.count - 1 ? ";" : "")
        }
    }

    private static func isAttributeByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: "!#$&+-.^_`|~".utf8.contains(byte)
        }
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = Array("0123456789ABCDEF")
        return String([digits[Int(byte >> 4)], digits[Int(byte & 15)]])
    }
}
