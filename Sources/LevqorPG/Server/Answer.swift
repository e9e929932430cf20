import HTTPTypes
import NIOCore

/// What a request gets: status, headers of its own, body. What every answer has is added when it is written.
struct Answer: Sendable {
    var status: Int
    var headers = HTTPFields()
    var body = ByteBuffer()

    /// JSON of a status.
    static func json(_ status: Int, _ value: JSONValue) -> Answer {
        Answer(
            status: status, headers: [.contentType: "application/json"], body: ByteBuffer(bytes: JSONText.encode(value))
        )
    }
}

extension HTTPFields {
    /// The first value of a name, as it stands there: no list is joined.
    func first(_ name: HTTPField.Name) -> String? {
        for field in self where field.name == name { return field.value }
        return nil
    }
}
