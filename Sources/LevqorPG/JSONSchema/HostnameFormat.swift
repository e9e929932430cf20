/// Host names of RFC 1123 and their international form (RFC 5890 to 5893).
enum HostnameFormat {
    /// Whether a text is an ASCII host name; a label that starts with `xn--` must decode to a valid one.
    static func isHostname(_ text: String) -> Bool {
        guard (1...253).contains(text.utf8.count) else { return false }
        return text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            isASCIILabel(Array(label))
        }
    }

    /// Whether a text is a host name whose labels may hold letters of any script.
    static func isInternationalHostname(_ text: String) -> Bool {
        // RFC 3490 section 3.1: these characters separate labels like a full stop does.
        let separators: Set<Unicode.Scalar> = [".", "\u{3002}", "\u{FF0E}", "\u{FF61}"]
        let labels = text.unicodeScalars.split(omittingEmptySubsequences: false) { separators.contains($0) }
        var length = labels.count - 1
        for label in labels {
            if label.allSatisfy(\.isASCII) {
                let bytes = label.map { UInt8($0.value) }
                guard isASCIILabel(bytes) else { return false }
                length += bytes.count
            } else {
                let scalars = Array(label)
                guard InternationalLabel.isValid(scalars), let encoded = Punycode.encode(scalars) else { return false }
                guard encoded.count + 4 <= 63 else { return false }
                length += encoded.count + 4
            }
        }
        return (1...253).contains(length)
    }

    private static func isASCIILabel(_ label: [UInt8]) -> Bool {
        let hyphen = UInt8(ascii: "-")
        guard (1...63).contains(label.count), label.first != hyphen, label.last != hyphen else { return false }
        for byte in label {
            let isLetter = (0x61...0x7A).contains(byte | 0x20)
            guard isLetter || (0x30...0x39).contains(byte) || byte == hyphen else { return false }
        }
        guard label.count >= 4, label[2] == hyphen, label[3] == hyphen else { return true }
        // Labels with hyphens in the third and fourth place are reserved; "xn" is the only use (RFC 5890, 2.3.1).
        guard label[0] | 0x20 == UInt8(ascii: "x"), label[1] | 0x20 == UInt8(ascii: "n") else { return false }
        let encoded = label[4...].map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        guard let scalars = Punycode.decode(encoded), InternationalLabel.isValid(scalars) else { return false }
        return Punycode.encode(scalars) == encoded
    }
}
