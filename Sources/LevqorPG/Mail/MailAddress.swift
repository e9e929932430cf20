import Foundation

/// One address with the name it may be shown under.
///
/// The part before the at sign is ASCII (no SMTPUTF8: many servers do not speak it); the domain may be written in any
/// script and is kept as it goes over the wire (`xn--…`).
struct MailAddress: Sendable, Equatable {
    let name: String?
    /// `local@domain`, in ASCII.
    let address: String

    private static let longestName = 256

    /// Reads `local@domain` or `Name <local@domain>`; nil for anything else.
    init?(_ text: String) {
        let text = text.trimmingCharacters(in: .whitespaces)
        guard text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else { return nil }
        guard text.last == ">", let opening = text.lastIndex(of: "<") else {
            guard let address = Self.wireForm(text) else { return nil }
            self.init(name: nil, address: address)
            return
        }
        guard let address = Self.wireForm(String(text[text.index(after: opening)...].dropLast())) else { return nil }
        var name = text[..<opening].trimmingCharacters(in: .whitespaces)
        if name.count >= 2, name.first == "\"", name.last == "\"" {
            name = String(name.dropFirst().dropLast())
                .replacing("\\\"", with: "\"").replacing("\\\\", with: "\\")
        }
        guard name.count <= Self.longestName else { return nil }
        self.init(name: name.isEmpty ? nil : name, address: address)
    }

    private init(name: String?, address: String) {
        self.name = name
        self.address = address
    }

    var domain: String { String(address[address.index(after: address.lastIndex(of: "@") ?? address.startIndex)...]) }

    /// Address and name as a person would write them, for transports that take text in any script.
    var text: String {
        guard let name else { return address }
        let isBare =
            name.allSatisfy(\.isASCII)
            ? Self.isAtoms(name) : !name.contains { "\"\\,;:<>@()[]".contains($0) }
        return "\(isBare ? name : Self.quoted(name)) <\(address)>"
    }

    /// The pieces of a header field's body, between which a line may be folded.
    var headerWords: [String] {
        guard let name else { return [address] }
        if !name.allSatisfy(\.isASCII) { return HeaderText.encodedWords(name) + ["<\(address)>"] }
        if !Self.isAtoms(name) { return [Self.quoted(name), "<\(address)>"] }
        return name.split(separator: " ").map(String.init) + ["<\(address)>"]
    }

    private static func quoted(_ name: String) -> String {
        "\"" + name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    /// Words of RFC 5322's atoms, which need no quotes, and which nobody takes for an encoded word.
    private static func isAtoms(_ name: String) -> Bool {
        name.split(separator: " ", omittingEmptySubsequences: false).allSatisfy { isAtom($0) } && !name.contains("=?")
    }

    private static func isAtom(_ text: some StringProtocol) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
                default: "!#$%&'*+-/=?^_`{|}~".utf8.contains(byte)
                }
            }
    }

    private static func wireForm(_ text: String) -> String? {
        guard let at = text.lastIndex(of: "@") else { return nil }
        let local = text[..<at]
        let atoms = local.split(separator: ".", omittingEmptySubsequences: false)
        guard local.utf8.count <= 64, atoms.allSatisfy({ isAtom($0) }) else { return nil }
        let domain = text[text.index(after: at)...].lowercased().precomposedStringWithCanonicalMapping
        guard HostnameFormat.isInternationalHostname(domain) else { return nil }
        let separators: Set<Unicode.Scalar> = [".", "\u{3002}", "\u{FF0E}", "\u{FF61}"]
        var labels: [String] = []
        for label in domain.unicodeScalars.split(whereSeparator: { separators.contains($0) }) {
            if label.allSatisfy(\.isASCII) {
                labels.append(String(String.UnicodeScalarView(label)))
            } else if let encoded = Punycode.encode(Array(label)) {
                labels.append("xn--" + String(decoding: encoded, as: UTF8.self))
            }
        }
        return "\(local)@\(labels.joined(separator: "."))"
    }
}
