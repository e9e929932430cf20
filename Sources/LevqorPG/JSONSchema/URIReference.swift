/// A URI or relative reference in its five components (RFC 3986; RFC 3987 where international ones are allowed).
struct URIReference: Equatable, Sendable {
    var scheme: String?
    var authority: String?
    var path: String
    var query: String?
    var fragment: String?

    private init(scheme: String?, authority: String?, path: String, query: String?, fragment: String?) {
        self.scheme = scheme
        self.authority = authority
        self.path = path
        self.query = query
        self.fragment = fragment
    }

    /// Splits and checks a text; nil if it breaks the grammar.
    init?(_ text: String, international: Bool = false) {
        let rules = URICharacters(international: international)
        // All delimiters are ASCII, so the text can be cut by its bytes.
        var rest = text.utf8[...]
        fragment = Self.cut(&rest, at: UInt8(ascii: "#"))
        query = Self.cut(&rest, at: UInt8(ascii: "?"))
        if let colon = rest.firstIndex(of: UInt8(ascii: ":")), !rest[..<colon].contains(UInt8(ascii: "/")) {
            let name = Substring(rest[..<colon])
            guard URICharacters.isScheme(name.unicodeScalars) else { return nil }
            scheme = String(name)
            rest = rest[rest.index(after: colon)...]
        }
        if rest.starts(with: "//".utf8) {
            let start = rest.index(rest.startIndex, offsetBy: 2)
            let end = rest[start...].firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
            let name = Substring(rest[start..<end])
            guard rules.isAuthority(name.unicodeScalars) else { return nil }
            authority = String(name)
            rest = rest[end...]
        }
        path = String(Substring(rest))
        guard rules.allows(path[...].unicodeScalars, URICharacters.path) else { return nil }
        guard rules.allows((query ?? "")[...].unicodeScalars, URICharacters.query, isQuery: true) else { return nil }
        guard rules.allows((fragment ?? "")[...].unicodeScalars, URICharacters.query) else { return nil }
    }

    /// Cuts the part after a delimiter off.
    private static func cut(_ rest: inout Substring.UTF8View, at mark: UInt8) -> String? {
        guard let index = rest.firstIndex(of: mark) else { return nil }
        let part = String(Substring(rest[rest.index(after: index)...]))
        rest = rest[..<index]
        return part
    }

    /// The whole reference as text.
    var text: String {
        var text = ""
        if let scheme { text += scheme + ":" }
        if let authority { text += "//" + authority }
        text += path
        if let query { text += "?" + query }
        if let fragment { text += "#" + fragment }
        return text
    }

    /// The same reference without its fragment.
    var withoutFragment: URIReference {
        var copy = self
        copy.fragment = nil
        return copy
    }

    /// Resolves a reference against this base (RFC 3986 section 5.2).
    func resolving(_ reference: URIReference) -> URIReference {
        if let scheme = reference.scheme {
            return URIReference(
                scheme: scheme.lowercased(),
                authority: reference.authority,
                path: Self.removingDots(reference.path),
                query: reference.query,
                fragment: reference.fragment
            )
        }
        if reference.authority != nil {
            return URIReference(
                scheme: scheme,
                authority: reference.authority,
                path: Self.removingDots(reference.path),
                query: reference.query,
                fragment: reference.fragment
            )
        }
        if reference.path.isEmpty {
            return URIReference(
                scheme: scheme,
                authority: authority,
                path: path,
                query: reference.query ?? query,
                fragment: reference.fragment
            )
        }
        let merged: String
        if reference.path.hasPrefix("/") {
            merged = reference.path
        } else if authority != nil, path.isEmpty {
            merged = "/" + reference.path
        } else if let slash = path.lastIndex(of: "/") {
            merged = path[...slash] + reference.path
        } else {
            merged = reference.path
        }
        return URIReference(
            scheme: scheme,
            authority: authority,
            path: Self.removingDots(merged),
            query: reference.query,
            fragment: reference.fragment
        )
    }

    private static func removingDots(_ path: String) -> String {
        guard path.contains(".") else { return path }
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        var output: [Substring] = []
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            if segment == "." || segment == ".." {
                if segment == "..", output.count > 1 || (output.count == 1 && output[0] != "") { output.removeLast() }
                if isLast { output.append("") }
            } else {
                output.append(segment)
            }
        }
        return output.joined(separator: "/")
    }
}
