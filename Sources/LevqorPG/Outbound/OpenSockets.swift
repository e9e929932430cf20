import CLibCurl
import Foundation

/// The sockets of one transfer thread's mail connections, so that one can be cut off: libcurl writes the end of the content
/// when a transfer is taken away from it, and half a mail would arrive as a whole one.
///
/// Confined to the transfer thread. It outlives every connection of the multi handle, which calls back when it closes one.
final class OpenSockets {
    private var sockets: Set<curl_socket_t> = []

    /// Makes a transfer's connections known here, from their opening to their end.
    func watch(_ handle: UnsafeMutableRawPointer) -> CURLcode {
        let open: levqor_curl_open_callback = { context, _, address in
            let socket = levqor_curl_open_socket(address)
            if let context, socket != levqor_curl_no_socket() {
                Unmanaged<OpenSockets>.fromOpaque(context).takeUnretainedValue().sockets.insert(socket)
            }
            return socket
        }
        let close: levqor_curl_close_callback = { context, socket in
            if let context {
                Unmanaged<OpenSockets>.fromOpaque(context).takeUnretainedValue().sockets.remove(socket)
            }
            return levqor_curl_close_socket(socket)
        }
        return levqor_curl_watch_sockets(handle, open, close, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Nothing more can be written to any of them. An idle connection among them is opened anew when it is needed.
    func cutOff() {
        for socket in sockets {
            _ = shutdown(socket, CInt(SHUT_RDWR))
        }
    }
}
