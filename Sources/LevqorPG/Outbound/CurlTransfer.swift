import CLibCurl

/// The owner of one easy handle, confined to the transfer thread.
///
/// Whoever adds `handle` to a multi handle takes it out again before letting go of the transfer.
protocol CurlTransfer: AnyObject {
    var handle: UnsafeMutableRawPointer { get }

    /// What the transfer's end means. To be asked once libcurl has reported it, while the handle lives.
    func outcome(of code: CURLcode) -> OutboundOutcome

    /// It is about to be taken away before its end.
    func breakOff()
}
