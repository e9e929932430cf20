/// An answer, with what the log, the metrics and the access record want to know.
struct Served {
    /// What stands for the route where there is none.
    static let noRoute = "none"

    var answer: Answer
    /// Method and pattern of the route.
    var route = Served.noRoute
    /// The bytes of the request's body, where they were read.
    var bytesIn: Int?
    var account: String?
    var key: String?
    /// What decided, as JSON text.
    var decision: [UInt8]?
    var sqlstate: String?
    var fault: String?
    /// Whether it leaves a row in the access record.
    var isRecorded = true
    /// Whether the connection has to end after it: what follows cannot be read, or must not be.
    var closes = false
}
