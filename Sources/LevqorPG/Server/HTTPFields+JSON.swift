import HTTPTypes

extension HTTPFields {
    /// Headers as SQL writes them: an object of names to values, where an array repeats the header. What is no header is
    /// left out.
    init(json: JSONValue?) {
        self.init()
        for member in json?.object?.members ?? [] {
            guard let name = HTTPField.Name(member.name) else { continue }
            switch member.value {
            case .string(let value): self[name] = value
            case .array(let values): self[values: name] = values.compactMap(\.string)
            case .number(let number): self[name] = number.text
            default: continue
            }
        }
    }
}
