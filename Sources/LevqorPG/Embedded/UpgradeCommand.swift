/// The commands that carry a data folder to a newer major version, ready to be pasted into a shell.
struct UpgradeCommand: Sendable {
    var folder: String
    var oldMajor: Int
    /// The old version's programs where they are installed; otherwise Debian's place for them is named.
    var old: ClusterBinaries?
    var new: ClusterBinaries
    /// The user to run as when the reader is root.
    var runAs: ClusterAccount?

    var text: String {
        let oldFolder = old?.folder ?? "/usr/lib/postgresql/\(oldMajor)/bin"
        let fresh = "\(folder).\(new.major)"
        let become = runAs.map { "runuser -u \($0.name) -- " } ?? ""
        var lines: [String] = []
        if old == nil {
            lines.append("apt-get install postgresql-\(oldMajor)   # pg_upgrade needs the old programs too")
        }
        lines.append("cd /tmp")
        if let runAs {
            lines.append("install -d -m 700 -o \(runAs.name) \(ShellWord.quote(fresh))")
        }
        lines.append(
            "\(become)\(ShellWord.quote(new.path("initdb"))) -D \(ShellWord.quote(fresh)) "
                + ClusterMaker.layout(characterType: "C.UTF-8").joined(separator: " ")
        )
        lines.append(
            "\(become)\(ShellWord.quote(new.path("pg_upgrade"))) --old-bindir \(ShellWord.quote(oldFolder)) "
                + "--new-bindir \(ShellWord.quote(new.folder)) --old-datadir \(ShellWord.quote(folder)) "
                + "--new-datadir \(ShellWord.quote(fresh)) --username \(ClusterSettings.superuser) --socketdir /tmp"
        )
        lines.append(
            "mv \(ShellWord.quote(folder)) \(ShellWord.quote("\(folder).\(oldMajor)")) && "
                + "mv \(ShellWord.quote(fresh)) \(ShellWord.quote(folder))"
        )
        return lines.joined(separator: "\n")
    }
}
