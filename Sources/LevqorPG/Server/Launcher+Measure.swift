import Foundation

extension Launcher {
    /// Measures what a body costs before the database is asked, for the benches.
    ///
    /// - Parameters:
    ///   - schema: file of the schema.
    ///   - body: file of the body.
    /// - Returns: `{"parse_us": …, "validate_us": …, "violations": …}`, microseconds for each repetition.
    public static func measureValidation(schema: String, body: String, count: Int) throws -> String {
        func read(_ file: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: file))) }
        let rules = try JSONSchema(try JSONParser.parse(String(decoding: try read(schema), as: UTF8.self)))
        let bytes = try read(body)
        func parse() throws -> JSONValue { try bytes.withUnsafeBytes { try JSONParser.parse($0) } }
        let value = try parse()
        var violations = 0
        let begin = ContinuousClock.now
        for _ in 0..<count { _ = try parse() }
        let middle = ContinuousClock.now
        for _ in 0..<count { violations = rules.validate(value).count }
        let end = ContinuousClock.now
        func each(_ duration: Duration) -> JSONValue { .milliseconds(duration.inSeconds * 1e6 / Double(count)) }
        return JSONText.string(
            .object([
                ("parse_us", each(begin.duration(to: middle))), ("validate_us", each(middle.duration(to: end))),
                ("violations", .int(violations)),
            ])
        )
    }
}
