import CLibCurl

/// The owner of one easy handle, confined to the transfer thread.
///
/// Whoever adds `handle` to a multi handle takes it out again before letting go of the transfer.
protocol CurlTransfer: AnyObject {
    var handle: UnsafeMutableRawPointer { get }

    /// What the transfer's end means. To be asked once libcurl has reported it, while the handle lives.
    func outcome(of code: CURLcode) -> OutboundOutcome

    /// To be called before a transfer that is under way is taken out, with a round of libcurl in between: the other side
    /// must not take a part for the whole.
    func abandon()
}
