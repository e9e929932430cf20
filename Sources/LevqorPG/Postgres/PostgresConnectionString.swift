import CLibPQ

/// Reads and writes the texts that open a connection. libpq parses, so what psql accepts is what is accepted here.
enum PostgresConnectionString {
    /// The options that a URI or key=value string names.
    ///
    /// - Throws: `.invalidConfiguration`. libpq's own message is dropped: it quotes the string, password and all.
    static func parse(_ text: String) throws -> [String: String] {
        guard !text.utf8.contains(0) else {
            throw PostgresError(.invalidConfiguration, "the connection string holds a NUL byte")
        }
        var complaint: UnsafeMutablePointer<CChar>?
        let parsed = PQconninfoParse(text, &complaint)
        if let complaint { PQfreemem(complaint) }
        guard let parsed else {
            throw PostgresError(
                .invalidConfiguration,
                "the connection string is neither a libpq URI nor key=value pairs; its text is not repeated here"
            )
        }
        defer { PQconninfoFree(parsed) }
        var options: [String: String] = [:]
        var entry = parsed
        // The array ends with an entry whose keyword is NULL (libpq manual, PQconninfoParse).
        while let keyword = entry.pointee.keyword {
            if let value = entry.pointee.val { options[String(cString: keyword)] = String(cString: value) }
            entry += 1
        }
        return options
    }

    /// Settings as `-c name=value`, in a stable order, with blanks and backslashes escaped as the server unescapes
    /// them.
    static func startupOptions(_ settings: [String: String]) throws -> String {
        var rendered: [String] = []
        for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
            let plain = name.utf8.allSatisfy { byte in
                switch UInt8(byte) {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."): true
                default: false
                }
            }
            guard plain, !name.isEmpty else {
                throw PostgresError(.invalidConfiguration, "a setting's name holds more than letters, digits, _ and .")
            }
            guard name.lowercased() != "client_encoding" else {
                throw PostgresError(.invalidConfiguration, "client_encoding is UTF8 and cannot be set")
            }
            var escaped = ""
            for scalar in value.unicodeScalars {
                if scalar == "\\" || scalar.properties.isWhitespace { escaped.unicodeScalars.append("\\") }
                escaped.unicodeScalars.append(scalar)
            }
            rendered.append("-c \(name)=\(escaped)")
        }
        return rendered.joined(separator: " ")
    }
}
