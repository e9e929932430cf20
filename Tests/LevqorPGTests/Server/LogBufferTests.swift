import Foundation
import Logging
import Testing

@testable import LevqorPG

@Suite("The log's lines")
struct LogBufferTests {
    private static func pipe() throws -> (read: FileHandle, write: FileHandle) {
        let pipe = Pipe()
        return (pipe.fileHandleForReading, pipe.fileHandleForWriting)
    }

    @Test("Lines keep their order, an urgent one takes those before it along, and each is JSON")
    func order() throws {
        let (read, write) = try Self.pipe()
        let buffer = LogBuffer(write.fileDescriptor)
        for number in 0..<3 {
            buffer.append(isUrgent: number == 2) { $0.append(contentsOf: ",\"n\":\(number)".utf8) }
        }
        let lines = String(decoding: read.availableData, as: UTF8.self).split(separator: "\n")
        #expect(lines.count == 3)
        for (number, line) in lines.enumerated() {
            let json = try JSONParser.parse(String(line))
            #expect(json["n"].map(JSONText.string) == "\(number)")
            #expect(json["time"]?.string?.hasSuffix("Z") == true)
            #expect(json["time"]?.string?.count == 24)
        }
    }

    @Test("A line that is not urgent comes by itself")
    func comes() throws {
        let (read, write) = try Self.pipe()
        let buffer = LogBuffer(write.fileDescriptor)
        buffer.append(isUrgent: false) { $0.append(contentsOf: ",\"n\":1".utf8) }
        // Blocks until it is there.
        #expect(read.availableData.last == UInt8(ascii: "\n"))
    }

    @Test("A logger's message and metadata are members of the line")
    func handler() throws {
        let (read, write) = try Self.pipe()
        let logger = Logger(label: "test") {
            JSONLogHandler(label: $0, level: .info, buffer: LogBuffer(write.fileDescriptor))
        }
        logger.debug("not this")
        logger.error("it \"broke\"", metadata: ["b": "2", "a": "1\n"])
        let text = String(decoding: read.availableData, as: UTF8.self)
        let json = try JSONParser.parse(text)
        #expect(json["level"]?.string == "error")
        #expect(json["message"]?.string == "it \"broke\"")
        #expect(json["logger"]?.string == "test")
        #expect(json["a"]?.string == "1\n")
        #expect(json.object?.members.map(\.name) == ["time", "level", "message", "logger", "a", "b"])
    }
}
