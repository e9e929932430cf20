import Hummingbird

/// A response, with what the log and the metrics want to know.
struct Served {
    var response: Response
    var route = "none"
    var account: String?
    var key: String?
    var sqlstate: String?
    var fault: String?
}
