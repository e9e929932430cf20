/// The formats of JSON Schema 2020-12 (validation vocabulary, section 7.3), each asserted.
enum StringFormat: String, CaseIterable, Sendable {
    case dateTime = "date-time"
    case date
    case time
    case duration
    case email
    case idnEmail = "idn-email"
    case hostname
    case idnHostname = "idn-hostname"
    case ipv4
    case ipv6
    case uri
    case uriReference = "uri-reference"
    case iri
    case iriReference = "iri-reference"
    case uuid
    case uriTemplate = "uri-template"
    case jsonPointer = "json-pointer"
    case relativeJSONPointer = "relative-json-pointer"
    case regex

    /// Whether a text is of the format.
    func accepts(_ text: String) -> Bool {
        switch self {
        case .dateTime: DateTimeFormat.isDateTime(text)
        case .date: DateTimeFormat.isDate(text)
        case .time: DateTimeFormat.isTime(text)
        case .duration: DateTimeFormat.isDuration(text)
        case .email: EmailFormat.isAddress(text, international: false)
        case .idnEmail: EmailFormat.isAddress(text, international: true)
        case .hostname: HostnameFormat.isHostname(text)
        case .idnHostname: HostnameFormat.isInternationalHostname(text)
        case .ipv4: AddressFormat.isIPv4(Array(text.utf8))
        case .ipv6: AddressFormat.isIPv6(Array(text.utf8))
        case .uri: URIReference(text)?.scheme != nil
        case .uriReference: URIReference(text) != nil
        case .iri: URIReference(text, international: true)?.scheme != nil
        case .iriReference: URIReference(text, international: true) != nil
        case .uuid: IdentifierFormat.isUUID(text)
        case .uriTemplate: URITemplateFormat.isTemplate(text)
        case .jsonPointer: IdentifierFormat.isJSONPointer(text.unicodeScalars)
        case .relativeJSONPointer: IdentifierFormat.isRelativeJSONPointer(text)
        case .regex: (try? ECMARegexParser.parse(text)) != nil
        }
    }

    /// What a value of the format is, for messages.
    var noun: String {
        switch self {
        case .dateTime: "an RFC 3339 date and time with offset, such as 2030-01-31T12:00:00Z"
        case .date: "an RFC 3339 date, such as 2030-01-31"
        case .time: "an RFC 3339 time with offset, such as 12:00:00Z"
        case .duration: "an ISO 8601 duration, such as P3DT12H"
        case .email, .idnEmail: "an e-mail address"
        case .hostname, .idnHostname: "a host name"
        case .ipv4: "an IPv4 address"
        case .ipv6: "an IPv6 address"
        case .uri: "an absolute URI"
        case .uriReference: "a URI or a relative reference"
        case .iri: "an absolute IRI"
        case .iriReference: "an IRI or a relative reference"
        case .uuid: "a UUID"
        case .uriTemplate: "a URI template"
        case .jsonPointer: "a JSON pointer"
        case .relativeJSONPointer: "a relative JSON pointer"
        case .regex: "an ECMA-262 regular expression"
        }
    }
}
