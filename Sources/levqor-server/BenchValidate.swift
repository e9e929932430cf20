import ArgumentParser
import LevqorPG

/// `levqor-server bench-validate`, for the bench only
struct BenchValidate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the validation of a body: microseconds to parse and to validate it, as JSON.",
        shouldDisplay: false
    )
    @Argument(help: "File of the JSON Schema.") var schema: String
    @Argument(help: "File of the body.") var body: String
    @Argument(help: "How many times.") var count: Int

    func validate() throws {
        guard count > 0 else { throw ValidationError("the count is \(count): it must be at least 1") }
    }

    func run() throws { print(try Launcher.measureValidation(schema: schema, body: body, count: count)) }
}
