/// Why a schema cannot be compiled, and where in it.
struct JSONSchemaError: Error, Equatable, Sendable {
    /// The document: empty for the schema itself, else the URI of one it refers to.
    let document: String
    /// The JSON pointer of the offending part of that document.
    let pointer: String
    /// What is wrong with it.
    let reason: String
}

extension JSONSchemaError: CustomStringConvertible {
    var description: String {
        "schema \(document)#\(pointer): \(reason)"
    }
}
