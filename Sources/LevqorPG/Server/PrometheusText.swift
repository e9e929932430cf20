/// Builds the Prometheus text exposition format, version 0.0.4.
struct PrometheusText: Sendable {
    private(set) var text = ""

    /// Begins a family: its help and type lines. All samples of a family follow it at once.
    mutating func family(_ name: String, _ type: String, _ help: String) {
        let escaped = help.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        text += "# HELP \(name) \(escaped)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        text += name
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.0)=\"\(Self.escape($0.1))\"" }.joined(separator: ",") + "}"
        }
        text += " \(Self.format(value))\n"
    }

    /// A family with one sample and no labels.
    mutating func single(_ name: String, _ type: String, _ help: String, _ value: Double) {
        family(name, type, help)
        sample(name, [], value)
    }

    /// The cumulative buckets, sum and count of a histogram.
    mutating func histogram(
        _ name: String, _ labels: [(String, String)], bounds: [Double], buckets: [Int], sum: Double
    ) {
        var total = 0
        for (bound, count) in zip(bounds, buckets) {
            total += count
            sample(name + "_bucket", labels + [("le", Self.format(bound))], Double(total))
        }
        total += buckets.last ?? 0
        sample(name + "_bucket", labels + [("le", "+Inf")], Double(total))
        sample(name + "_sum", labels, sum)
        sample(name + "_count", labels, Double(total))
    }

    private static func escape(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    private static func format(_ value: Double) -> String {
        if value == value.rounded(), abs(value) < 1e15 { return String(Int(value)) }
        return value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Inf" : "+Inf") : String(value)
    }
}
