import Foundation
import NIOCore
import NIOHTTP1

/// A body that nobody parses on its way to SQL: its bytes in base64, with the request's headers, as one JSON object.
///
/// Its last member, secrets, is empty until the function behind the route has asked for some.
enum RawBody {
    /// What authenticates the sender to others than the function goes no further.
    private static let withheld: Set<String> = ["authorization", "proxy-authorization", "cookie", "x-api-key"]
    private static let end = Array("}}".utf8)

    /// The object for a request. Names of headers are in lower case; a field that stands more than once is a list.
    static func encode(_ bytes: ByteBuffer, headers: HTTPHeaders) -> [UInt8] {
        var object = Array("{\"body\":\"".utf8)
        object.reserveCapacity(bytes.readableBytes * 4 / 3 + 2048)
        object += Data(bytes.readableBytesView).base64EncodedData()
        object += Array("\",\"headers\":{".utf8)
        var values: [String: String] = [:]
        for (name, value) in headers {
            let name = name.lowercased()
            if !withheld.contains(name) { values[name] = values[name].map { $0 + ", " + value } ?? value }
        }
        append(values.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }, to: &object)
        object += Array("},\"secrets\":{".utf8) + end
        return object
    }

    /// The same object with secrets; one that is not known is null.
    ///
    /// - Parameter object: as `encode` gave it.
    static func adding(_ secrets: [(name: String, value: String?)], to object: [UInt8]) -> [UInt8] {
        var object = Array(object.dropLast(end.count))
        append(secrets.map { ($0.name, $0.value.map(JSONValue.string) ?? .null) }, to: &object)
        return object + end
    }

    private static func append(_ members: [(name: String, value: JSONValue)], to object: inout [UInt8]) {
        for (index, member) in members.enumerated() {
            if index > 0 { object.append(UInt8(ascii: ",")) }
            JSONText.append(member.name, to: &object)
            object.append(UInt8(ascii: ":"))
            JSONText.append(member.value, to: &object)
        }
    }
}
