import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Finds PostgreSQL's programs wherever a distribution puts them.
enum BinaryFinder {
    /// The search path that every program we start is given.
    static let systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Folder patterns of the distributions; `*` stands for any text inside one path part.
    static let patterns = [
        "/usr/lib/postgresql/*/bin",  // Debian, Ubuntu
        "/usr/pgsql-*/bin",  // PGDG on Red Hat's family
        "/usr/lib/postgresql*/bin",  // SUSE
        "/usr/lib64/postgresql-*/bin",  // Gentoo
        "/usr/libexec/postgresql*",  // Alpine
        "/opt/homebrew/opt/postgresql@*/bin",
        "/usr/local/opt/postgresql@*/bin",
        "/Applications/Postgres.app/Contents/Versions/*/bin",
        "/Library/PostgreSQL/*/bin",
        "/opt/local/lib/postgresql*/bin",  // MacPorts
        "/usr/local/pgsql/bin",  // from source
        "/run/current-system/sw/bin",  // NixOS
    ]

    /// Every complete set of programs on this machine, of any version.
    /// - Parameter folder: where given, the only folder that is looked at.
    static func find(only folder: String? = nil) async -> [ClusterBinaries] {
        var candidates: [String] = []
        if let folder {
            candidates = [folder]
        } else {
            candidates += await folderOfConfigProgram()
            candidates += searchPath()
            for pattern in patterns { candidates += expand(pattern) }
        }
        var seen: Set<String> = []
        var found: [ClusterBinaries] = []
        for candidate in candidates {
            guard let real = FileFacts.realPath(candidate), seen.insert(real).inserted else { continue }
            guard ClusterBinaries.programs.allSatisfy({ access("\(real)/\($0)", X_OK) == 0 }) else { continue }
            let answer = try? await ask("\(real)/postgres", "--version")
            guard let (version, major) = answer.flatMap(ClusterBinaries.version(inAnswer:)) else { continue }
            found.append(ClusterBinaries(folder: real, version: version, major: major))
        }
        return found
    }

    /// The full path of a tool of the system, or nil.
    static func tool(_ name: String) -> String? {
        systemPath.split(separator: ":").lazy.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// The paths that a pattern stands for, in the order of their names.
    static func expand(_ pattern: String) -> [String] {
        var paths = [""]
        for part in pattern.split(separator: "/") {
            paths = paths.flatMap { path -> [String] in
                guard part.contains("*") else { return ["\(path)/\(part)"] }
                let pieces = part.split(separator: "*", omittingEmptySubsequences: false)
                let names = (try? FileManager.default.contentsOfDirectory(atPath: path.isEmpty ? "/" : path)) ?? []
                return names.sorted()
                    .filter { $0.hasPrefix(pieces[0]) && $0.hasSuffix(pieces[1]) && $0.count >= part.count - 1 }
                    .map { "\(path)/\($0)" }
            }
        }
        return paths.filter { access($0, X_OK) == 0 }
    }

    private static func searchPath() -> [String] {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
    }

    private static func folderOfConfigProgram() async -> [String] {
        let programs = searchPath().map { "\($0)/pg_config" }
        guard let program = programs.first(where: { access($0, X_OK) == 0 }) else { return [] }
        return [try? await ask(program, "--bindir")].compactMap(\.self)
    }

    private static func ask(_ program: String, _ argument: String) async throws -> String? {
        let output = try await Command(
            executable: program,
            arguments: [argument],
            environment: ["PATH": systemPath, "LC_ALL": "C"],
            timeout: .seconds(10)
        ).run()
        return output.succeeded && !output.out.isEmpty ? output.out : nil
    }
}
