import Testing

@testable import LevqorPG

@Suite("Prometheus text")
struct PrometheusTextTests {
    @Test("Help and labels are escaped")
    func escapes() {
        var text = PrometheusText()
        text.family("f", "gauge", "a\\b\nc \"d\"")
        text.sample("f", [("l", "a\\b\n\"c\"{},="), ("m", "")], 1)
        #expect(text.text == "# HELP f a\\\\b\\nc \"d\"\n# TYPE f gauge\nf{l=\"a\\\\b\\n\\\"c\\\"{},=\",m=\"\"} 1\n")
    }

    @Test(
        "Numbers are written so that Go reads them",
        arguments: [
            (0.0, "0"), (-0.0, "0"), (1.0, "1"), (-3.0, "-3"), (0.25, "0.25"), (1e300, "1e+300"),
            (Double.infinity, "+Inf"),
            (-Double.infinity, "-Inf"), (1e-7, "1e-07"), (123456789012.0, "123456789012"), (1e15, "1000000000000000.0"),
        ])
    func numbers(value: Double, expected: String) {
        var text = PrometheusText()
        text.sample("f", [], value)
        #expect(text.text == "f \(expected)\n")
    }

    @Test("Not a number is NaN")
    func nan() {
        var text = PrometheusText()
        text.single("f", "gauge", "h", .nan)
        #expect(text.text.hasSuffix("\nf NaN\n"))
    }

    @Test("A histogram is cumulative and ends with +Inf, sum and count")
    func histogram() {
        var text = PrometheusText()
        text.histogram("f", [("r", "x")], bounds: [0.5, 1], buckets: [2, 0, 3], sum: 9.5)
        #expect(
            text.text == """
                f_bucket{r="x",le="0.5"} 2
                f_bucket{r="x",le="1"} 2
                f_bucket{r="x",le="+Inf"} 5
                f_sum{r="x"} 9.5
                f_count{r="x"} 5

                """
        )
    }

    @Test("A request is counted in the first bucket that holds it")
    func buckets() {
        let metrics = GatewayMetrics()
        for duration in [Duration.zero, .milliseconds(1), .microseconds(1001), .seconds(30), .seconds(31)] {
            metrics.noteRequest(route: "GET /x", status: 200, duration: duration)
        }
        metrics.noteRequest(route: "GET /x", status: 404, duration: .zero)
        let snapshot = metrics.snapshot
        let histogram = snapshot.durations["GET /x"]
        #expect(histogram?.count == 6)
        #expect(histogram?.buckets.first == 3)
        #expect(histogram?.buckets.dropFirst().first == 1)
        #expect(histogram?.buckets.suffix(2) == [1, 1])
        #expect(snapshot.requests[.init(route: "GET /x", status: 200)] == 5)
        #expect(snapshot.requests[.init(route: "GET /x", status: 404)] == 1)
    }
}
