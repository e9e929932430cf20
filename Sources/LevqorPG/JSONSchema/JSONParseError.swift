/// Why a text was refused as JSON, and where.
struct JSONParseError: Error, Equatable, Sendable {
    /// The rule that was broken.
    enum Kind: String, Sendable, CaseIterable {
        case empty
        case byteOrderMark
        case syntax
        case unexpectedEnd
        case trailingCharacters
        case invalidUTF8
        case controlCharacter
        case nulCharacter
        case invalidEscape
        case loneSurrogate
        case invalidNumber
        case numberOutOfRange
        case duplicateName
        case tooDeep
    }

    let kind: Kind
    /// The offset of the offending byte from the start of the text, from 0.
    let offset: Int
    /// The line of that byte, from 1.
    let line: Int
    /// The place of that byte in its line in characters (Unicode scalars), from 1.
    let column: Int
    /// A sentence for the author of the text; it never repeats more of the text than one member name.
    let message: String
}

extension JSONParseError: CustomStringConvertible {
    var description: String {
        "\(message) (line \(line), column \(column))"
    }
}
