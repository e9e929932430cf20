import Foundation

/// A real HTTPS server (Python's) on a loopback port, with a self-signed certificate that it makes for itself.
///
/// It ends when its standard input does. A signal would not do: a child of a task's thread inherits the signals that
/// are blocked there, SIGTERM among them.
final class TLSReceiver {
    let port: String
    let certificateFile: String
    private let folder: URL
    private let input = Pipe()

    /// - Parameter name: The certificate's subject alternative name, as openssl writes it (`IP:127.0.0.1`).
    init(certifying name: String) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("levqor-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        certificateFile = folder.appendingPathComponent("cert.pem").path

        let output = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", "-u", "-c", Self.script, certificateFile, folder.path + "/key.pem", name]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var line = Data()
        while let byte = try output.fileHandleForReading.read(upToCount: 1), byte != Data("\n".utf8), !byte.isEmpty {
            line += byte
        }
        port = String(decoding: line, as: UTF8.self)
    }

    deinit {
        try? input.fileHandleForWriting.close()
        try? FileManager.default.removeItem(at: folder)
    }

    private static let script = """
        import http.server, os, ssl, subprocess, sys, threading

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = b"over tls"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        certificate, key, name = sys.argv[1:]
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=levqor test", "-addext", "subjectAltName=" + name,
             "-keyout", key, "-out", certificate],
            check=True, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1])
        sys.stdin.read()
        os._exit(0)
        """
}
