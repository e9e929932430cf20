import Foundation

extension Base64 {
    /// In lines of 76 characters, each with its line end, as mails carry it (RFC 2045).
    static func lines(_ bytes: [UInt8]) -> [UInt8] {
        let options: Data.Base64EncodingOptions = [
            .lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed,
        ]
        return Array(Data(bytes).base64EncodedData(options: options)) + Array("\r\n".utf8)
    }

    /// The bytes of a text, or nil when it is no Base64. White space in it does not count.
    static func decode(_ text: String) -> [UInt8]? {
        Data(base64Encoded: text.filter { !$0.isWhitespace }).map { Array($0) }
    }
}
