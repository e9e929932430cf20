import Foundation
import Testing

@testable import LevqorPG

@Suite("The rules of the private cluster")
struct EmbeddedRulesTests {
    @Test(
        "postmaster.pid is read, whole or torn",
        arguments: [
            ("", nil), ("x\n/data", nil), ("0\n", nil), ("-7\n", nil), ("1\n", nil),
            ("71", (71, 0, 0, "", PostmasterFile.Status.unknown)),
            ("71\n/data\n1700000000\n5432\n\n\n", (71, 1_700_000_000, 5432, "", .unknown)),
            ("71\n/data\n1700000000\n5433\n/run/x\n\n  123 4\nready   \n", (71, 1_700_000_000, 5433, "/run/x", .ready)),
            (
                "71\n/data\n1700000000\n5433\n/run/x\n\n  123 4\nstopping\n",
                (71, 1_700_000_000, 5433, "/run/x", .stopping)
            ),
        ] as [(String, (Int32, Int, Int, String, PostmasterFile.Status)?)])
    func postmasterFile(text: String, expected: (Int32, Int, Int, String, PostmasterFile.Status)?) {
        let file = PostmasterFile(text)
        #expect(file?.pid == expected?.0)
        #expect(file?.startedAt == expected?.1)
        #expect(file?.port == expected?.2)
        #expect(file?.socketFolder == expected?.3)
        #expect(file?.status == expected?.4)
    }

    @Test(
        "a server stops the cluster only as the last one, when a server started it and nobody else is connected",
        arguments: [
            (false, true, "1|0", .leave(.otherServers)),
            (false, false, nil, .leave(.otherServers)),
            (true, false, nil, .leave(.notRunning)),
            (true, true, nil, .leave(.unknown)),
            (true, true, "|0", .leave(.notOurs)),
            (true, true, "71|2", .leave(.otherClients)),
            (true, true, "71|0", .stop),
        ] as [(Bool, Bool, String?, StopDecision)])
    func stopDecision(last: Bool, running: Bool, answer: String?, expected: StopDecision) {
        let clients = answer.flatMap(ClusterClients.init)
        #expect(StopDecision.decide(lastServer: last, running: running, clients: clients) == expected)
    }

    @Test("the first restart is at once, later ones wait longer and longer up to a bound, health begins anew")
    func backoff() {
        var backoff = RestartBackoff()
        #expect(backoff.next(lived: .seconds(1), jitter: 1) == .zero)
        #expect(backoff.next(lived: nil, jitter: 1) == .milliseconds(500))
        #expect(backoff.next(lived: .seconds(1), jitter: 0) == .milliseconds(500))
        #expect(backoff.next(lived: nil, jitter: 1) == .seconds(2))
        for _ in 0..<40 { _ = backoff.next(lived: nil, jitter: 1) }
        #expect(backoff.next(lived: nil, jitter: 1) == RestartBackoff.longest)
        #expect(backoff.next(lived: .seconds(60), jitter: 1) == .zero)
    }

    @Test(
        "the trouble is named and has a way out",
        arguments: [
            ("initdb: could not write: No space left on device", .diskFull, "df -h /data"),
            ("FATAL: could not resize shared memory segment: No space left on device", .memory, "shared_buffers"),
            ("selecting dynamic shared memory implementation ... posix\nNo space left on device", .diskFull, "df -h"),
            ("FATAL:  could not map anonymous shared memory: Cannot allocate memory", .memory, "local.conf"),
            (
                "FATAL:  could not create lock file \"/x/.s.PGSQL.5432.lock\": Permission denied", .permission,
                "namei -l /data"
            ),
            ("FATAL:  lock file \"postmaster.pid\" already exists", .socket, "pg_ctl stop -D /data"),
            ("LOG:  could not bind Unix address \"/x\": Address already in use", .socket, "remove the file"),
            ("FATAL: configuration file \"/x\" contains errors", .configuration, "local.conf"),
            ("FATAL:  database files are incompatible with server", .upgrade, "PG_VERSION"),
            ("something new", .command, "the log is in /data"),
        ] as [(String, EmbeddedError.Code, String)])
    func diagnosis(output: String, code: EmbeddedError.Code, advice: String) {
        let error = EmbeddedError.diagnose("cannot start PostgreSQL", output: output, place: "/data")
        #expect(error.code == code)
        #expect(error.advice.contains(advice))
        #expect(error.description.contains(output))
    }

    @Test(
        "a socket's folder is short and has no comma",
        arguments: [
            ("/home/me/.levqor/run", true), ("/" + String(repeating: "x", count: 87), true),
            ("/" + String(repeating: "x", count: 88), false), ("/" + String(repeating: "é", count: 44), false),
            ("/a,b", false), ("/a b'\"$", true),
        ])
    func socketFolder(folder: String, fits: Bool) {
        #expect(SocketFolder.fits(folder, port: 5432) == fits)
    }

    @Test("the URL of an endpoint escapes what is not plain")
    func url() {
        let endpoint = EmbeddedEndpoint(
            socketDirectory: "/home/a b/ü", port: 5433, dataDirectory: "/d", version: "15.1", weStartedIt: true
        )
        #expect(endpoint.connectionString == "postgresql://postgres@/levqor?host=%2Fhome%2Fa%20b%2F%C3%BC&port=5433")
        #expect(endpoint.connectionString(database: "a/b?c", user: "u@v").hasPrefix("postgresql://u%40v@/a%2Fb%3Fc?"))
    }

    @Test("the hash of a path is FNV-1a, and another try gives another name")
    func hash() {
        #expect(ClusterPlace.hash("") == "cbf29ce484222325")
        #expect(ClusterPlace.hash("a") == "af63dc4c8601ec8c")
        #expect(ClusterPlace.hash("/p", attempt: 1) != ClusterPlace.hash("/p"))
        #expect(ClusterPlace.hash("/p", attempt: 1).utf8.count == 16)
    }

    @Test(
        "words for a shell are quoted where they must be",
        arguments: [
            ("/usr/lib-1_2.3", "/usr/lib-1_2.3"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"),
            ("$(x)", "'$(x)'"),
        ])
    func shellWords(word: String, quoted: String) {
        #expect(ShellWord.quote(word) == quoted)
    }
}
