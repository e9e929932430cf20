extension OutboundRequest {
    /// The headers in libcurl's own notation.
    ///
    /// There `Name: value` sends, `Name;` sends an empty value, and `Name:` takes away what libcurl adds by itself:
    /// the form's media type for every body, and Expect, which makes some servers wait a second.
    var headerLines: [String] {
        var lines = headers.map { name, value in
            value.utf8.allSatisfy { $0 == 0x20 || $0 == 0x09 } ? "\(name);" : "\(name): \(value)"
        }
        if !headers.contains(where: { $0.name.lowercased() == "content-type" }) {
            lines.append("Content-Type:")
        }
        lines.append("Expect:")
        return lines
    }
}
