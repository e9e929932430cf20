import Foundation

@testable import LevqorPG

/// A program of Tests/clients that tells what it got: a first line, then a line of JSON for each thing.
///
/// It ends when its standard input does. A signal would not do: a child of a task's thread inherits the signals that are
/// blocked there.
final class PythonProgram {
    let firstLine: String
    private let input = Pipe()
    private let output = Pipe()

    init(_ name: String, _ arguments: [String] = []) throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../clients/\(name)")
        let process = Process()
        // The Python that has the packages of scripts/requirements.txt.
        let python = ProcessInfo.processInfo.environment["LEVQOR_TEST_PYTHON"]
        process.executableURL = URL(fileURLWithPath: python ?? "/usr/bin/env")
        process.arguments = (python == nil ? ["python3"] : []) + ["-W", "ignore", "-u", script.path] + arguments
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        firstLine = try Self.readLine(output.fileHandleForReading)
    }

    deinit {
        try? input.fileHandleForWriting.close()
    }

    /// Waits for the next thing.
    func next() throws -> JSONValue {
        try JSONParser.parse(try Self.readLine(output.fileHandleForReading))
    }

    private static func readLine(_ handle: FileHandle) throws -> String {
        var line = Data()
        while let byte = try handle.read(upToCount: 1), !byte.isEmpty {
            if byte == Data("\n".utf8) { return String(decoding: line, as: UTF8.self) }
            line += byte
        }
        throw CocoaError(.fileReadUnknown)
    }
}
