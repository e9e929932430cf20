import Mustache

/// The Mustache templates of one mail, parsed.
///
/// Values are escaped for HTML in the HTML part and nowhere else. The text's partials are those of the text, the HTML's
/// those of the HTML.
struct MailTemplates: Sendable {
    private let subject: MustacheTemplate
    private let text: MustacheTemplate
    private let html: MustacheTemplate?
    private let textPartials: MustacheLibrary
    private let htmlPartials: MustacheLibrary

    /// mustache escapes for HTML unless a template says otherwise, and each partial says so for itself.
    private static let unescaped = "{{% CONTENT_TYPE:TEXT}}"

    /// Reads `subject_template`, `text_template`, `html_template` and `partials`: {name: {"text", "html"}}.
    init(_ json: JSONValue) throws(OutboundFailure) {
        guard let subject = json["subject_template"]?.string, let text = json["text_template"]?.string else {
            throw OutboundFailure(.invalidRequest, "the mail has no template for its subject or its text")
        }
        self.subject = try Self.parse(subject, "the subject", isHTML: false)
        self.text = try Self.parse(text, "the text", isHTML: false)
        html =
            if let source = json["html_template"]?.string {
                try Self.parse(source, "the HTML", isHTML: true)
            } else {
                nil
            }
        var texts: [String: MustacheTemplate] = [:]
        var htmls: [String: MustacheTemplate] = [:]
        for partial in json["partials"]?.object?.members ?? [] {
            if let source = partial.value["text"]?.string {
                texts[partial.name] = try Self.parse(source, "the partial \(partial.name)", isHTML: false)
            }
            if let source = partial.value["html"]?.string {
                htmls[partial.name] = try Self.parse(source, "the partial \(partial.name)", isHTML: true)
            }
        }
        textPartials = MustacheLibrary(templates: texts)
        htmlPartials = MustacheLibrary(templates: htmls)
    }

    /// Fills the templates. The subject is a value in the other two: `{{subject}}`.
    func render(_ data: JSONValue) -> RenderedMail {
        var values = Self.value(data) as? [String: Any] ?? [:]
        let line = HeaderText.plain(subject.render(values, library: textPartials))
        let title = String(line.prefix(RenderedMail.longestSubject))
        values["subject"] = title
        return RenderedMail(
            subject: title,
            text: text.render(values, library: textPartials),
            html: html?.render(values, library: htmlPartials)
        )
    }

    private static func parse(
        _ source: String, _ place: String, isHTML: Bool
    ) throws(OutboundFailure) -> MustacheTemplate {
        do {
            return try MustacheTemplate(string: isHTML ? source : unescaped + source)
        } catch {
            throw OutboundFailure(.invalidRequest, oneLine: "the template of \(place) is no Mustache: \(error)")
        }
    }

    /// What mustache walks through. A null is left out: its section is not rendered.
    private static func value(_ json: JSONValue) -> Any? {
        switch json {
        case .null: nil
        case .bool(let truth): truth
        case .number(let number): number.int64 ?? (number.text as Any)
        case .string(let text): text
        case .array(let elements): elements.map { value($0) ?? "" }
        case .object(let object):
            Dictionary(
                object.members.compactMap { member in value(member.value).map { (member.name, $0) } },
                uniquingKeysWith: { first, _ in first }
            )
        }
    }
}
