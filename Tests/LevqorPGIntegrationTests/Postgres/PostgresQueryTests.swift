import Testing

@testable import LevqorPG

@Suite("Queries", .timeLimit(.minutes(2)))
struct PostgresQueryTests {
    @Test("text and binary parameters and results carry every value", arguments: [PostgresFormat.text, .binary])
    func carriesValues(format: PostgresFormat) async throws {
        let connection = try await PostgresTestDatabase.connect()
        let texts = ["", "NULL", #"a"b\c,{}"#, "ü\u{1F600}\n\t", nil]
        let bytes = (0...255).map { UInt8($0) }
        let result = try await connection.queryPrepared(
            """
            select $1::text as t, $2::bytea as b, $3::int8 as i, $4::bool as f, $5::float8 as d, $6::int2 as s,
                $7::text[] = array['', 'NULL', 'a"b\\c,{}', E'ü\u{1F600}\\n\\t', null] as a,
                $8::int[] = array[1, null, -3] as n,
                null::text as z, $9::bytea = ''::bytea as e
            """,
            [
                .text("héllo"), .bytes(bytes), .int(.min), .bool(true), .double(-0.5), .int(-7), .textArray(texts),
                .intArray([1, nil, -3]), .bytes([]),
            ],
            format: format
        )
        let row = try #require(result.first)
        #expect(result.columns == ["t", "b", "i", "f", "d", "s", "a", "n", "z", "e"])
        #expect(try row.string("t") == "héllo")
        #expect(try row.bytes("b") == bytes)
        #expect(try row.int("i") == .min)
        #expect(try row.bool("f") == true)
        #expect(try row.double("d") == -0.5)
        #expect(try row.int("s") == -7)
        #expect(try row.bool("a") == true)
        #expect(try row.bool("n") == true)
        #expect(try row.string("z") == nil)
        #expect(row.isNull(8))
        #expect(try row.bool("e") == true)
        #expect(row.withBytes(0) { $0.map(Array.init) } == Array("héllo".utf8))
    }

    @Test("what a cell does not hold is refused by name and nil by number")
    func refusesWrongKinds() async throws {
        let connection = try await PostgresTestDatabase.connect()
        let row = try #require(
            try await connection.query("select 'x' as t, $1::bytea as b", [.bytes([0xFF])], format: .binary).first)
        #expect(throws: PostgresError.self) { try row.int("t") }
        #expect(throws: PostgresError.self) { try row.int("nothere") }
        #expect(row.int(0) == nil)
        #expect(row.string(7) == nil)
        #expect(row.string(-1) == nil)
        // Broken UTF-8: repaired by number, refused by name.
        #expect(row.string(1) == "\u{FFFD}")
        #expect(throws: PostgresError.self) { try row.string("b") }
    }

    @Test("a result outlives its connection, and is read from many tasks")
    func resultsOutliveTheirConnection() async throws {
        let result = try await {
            let connection = try await PostgresTestDatabase.connect()
            let result = try await connection.query("select i, 'row ' || i from generate_series(1, 1000) i")
            await connection.close()
            return result
        }()
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask { result.allSatisfy { $0.string(1) == "row \($0.int(0) ?? -1)" } }
            }
            for await isRight in group { #expect(isRight) }
        }
        #expect(result.count == 1000)
        #expect(result.affectedRows == 1000)
    }

    @Test("the server's error comes with its fields, and the connection stays usable")
    func reportsServerErrors() async throws {
        let connection = try await PostgresTestDatabase.connect()
        try await connection.script(
            "create temp table guarded (id int constraint guarded_is_unique primary key, n int check (n < 9))"
        )
        try await connection.query("insert into guarded values (1, 1)")
        let duplicate = try await postgresError {
            try await connection.query("insert into guarded values ($1, 1)", [.int(1)])
        }
        #expect(duplicate.code == .server)
        #expect(duplicate.sqlstate == "23505")
        #expect(duplicate.constraint == "guarded_is_unique")
        #expect(duplicate.table == "guarded")
        let syntax = try await postgresError { try await connection.query("select 1 +\n from nowhere") }
        #expect(syntax.sqlstate == "42601")
        #expect(syntax.position == 13)
        let raised = try await postgresError {
            try await connection.query(
                "do $$ begin raise exception 'm' using detail = 'd', hint = 'h', errcode = 'PT404'; end $$")
        }
        #expect([raised.message, raised.detail, raised.hint, raised.sqlstate] == ["m", "d", "h", "PT404"])
        #expect(raised.context?.contains("PL/pgSQL") == true)
        #expect(try await connection.query("select 1").first?.int(0) == 1)
    }

    @Test("NUL bytes and broken UTF-8 are refused, nothing is cut, and the connection stays usable")
    func refusesBrokenText() async throws {
        let connection = try await PostgresTestDatabase.connect()
        let nul = try await postgresError { try await connection.query("select $1::text", [.text("secret\0x")]) }
        #expect(nul.code == .invalidParameter)
        let statement = try await postgresError { try await connection.query("select 1 \0, 2") }
        #expect(statement.code == .invalidParameter)
        let broken = try await postgresError {
            try await connection.query("select $1::text", [.utf8([0x61, 0xFF, 0xFE])])
        }
        #expect(broken.sqlstate == "22021")
        #expect(try await connection.query("select 1").first?.int(0) == 1)
    }

    @Test("a large result and a large parameter arrive whole")
    func carriesLargeValues() async throws {
        let connection = try await PostgresTestDatabase.connect()
        let rows = try await connection.query(
            "select i, repeat(chr(97 + i % 26), 1000) from generate_series(1, 60000) i")
        #expect(rows.count == 60_000)
        #expect(rows.allSatisfy { $0.withBytes(1) { $0?.count } == 1000 })
        #expect(rows.last?.string(1)?.first == "s")
        let parameter = [UInt8](repeating: 0xAB, count: 40_000_000)
        let echoed = try await connection.query("select $1::bytea, length($1)", [.bytes(parameter)], format: .binary)
        #expect(echoed.first?.int(1) == parameter.count)
        #expect(echoed.first?.bytes(0) == parameter)
    }

    @Test("a prepared statement survives a changed table and DISCARD ALL")
    func preparesAnew() async throws {
        let connection = try await PostgresTestDatabase.connect()
        try await connection.script("create temp table shape (a int); insert into shape values (1)")
        let sql = "select * from shape where a = $1"
        #expect(try await connection.queryPrepared(sql, [.int(1)]).columns == ["a"])
        try await connection.script("alter table shape add b text default 'x'")
        #expect(try await connection.queryPrepared(sql, [.int(1)]).columns == ["a", "b"])
        try await connection.script("deallocate all")
        #expect(try await connection.queryPrepared(sql, [.int(1)]).count == 1)
        // Inside a transaction the error has ended it, so it is told.
        try await connection.query("begin")
        #expect(try await connection.queryPrepared(sql, [.int(1)]).count == 1)
        try await connection.script("alter table shape add c text")
        let stale = try await postgresError { try await connection.queryPrepared(sql, [.int(1)]) }
        #expect(stale.sqlstate == "0A000")
        try await connection.query("rollback")
        #expect(try await connection.queryPrepared(sql, [.int(1)]).columns == ["a", "b"])
    }

    @Test("more statements than the cache holds, prepared ones among them")
    func boundsPreparedStatements() async throws {
        let connection = try await PostgresTestDatabase.connect()
        for number in 0..<600 {
            #expect(try await connection.queryPrepared("select \(number)").first?.int(0) == number)
        }
        let held = try await connection.query("select count(*) from pg_prepared_statements").first?.int(0)
        #expect(held.map { $0 > 0 && $0 <= 256 } == true)
    }

    @Test("a script runs many statements, all or nothing, and names the line of its error")
    func runsScripts() async throws {
        let connection = try await PostgresTestDatabase.connect()
        try await connection.script(
            "create temp table scripted (n int); insert into scripted select generate_series(1, 3);")
        let error = try await postgresError {
            try await connection.script(
                "insert into scripted values (4);\n\ninsert into scripted values ('x');\nselect 1")
        }
        #expect(error.sqlstate == "22P02")
        #expect(error.line == 3)
        #expect(try await connection.query("select count(*) from scripted").first?.int(0) == 3)
        try await connection.script("")
        try await connection.script("-- nothing")
    }

    @Test("COPY is refused and ends the session instead of hanging it")
    func refusesCopy() async throws {
        for statement in ["copy (select 1) to stdout", "create temp table c (n int); copy c from stdin"] {
            let connection = try await PostgresTestDatabase.connect()
            let error = try await postgresError { try await connection.script(statement) }
            #expect(error.code == .protocolViolation)
            #expect(await !connection.isUsable)
        }
    }

    @Test("a closed connection answers at once that it is lost, and closing twice is safe")
    func isClosedOnce() async throws {
        let connection = try await PostgresTestDatabase.connect()
        await connection.close()
        await connection.close()
        let error = try await postgresError { try await connection.query("select 1") }
        #expect(error.code == .connectionLost)
        #expect(!error.isOutcomeUnknown)
    }

    @Test("a direct connection is not taken for a transaction pooler")
    func knowsADirectConnection() async throws {
        let connection = try await PostgresTestDatabase.connect()
        #expect(try await !connection.detectsTransactionPooler())
    }
}
