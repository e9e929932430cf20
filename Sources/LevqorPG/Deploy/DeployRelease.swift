/// What this build is: compared with what a database says was deployed.
public struct DeployRelease: Sendable, Equatable {
    /// The product's version.
    public let version: String
    /// One more than the number of migrations of risk `breaking` that this build knows.
    ///
    /// A database beyond that level has taken a step that this build cannot work with.
    public let breakingLevel: Int

    public init(version: String, breakingLevel: Int) {
        self.version = version
        self.breakingLevel = breakingLevel
    }

    /// This build.
    public static let current = DeployRelease(version: "0.1.0", breakingLevel: 1)
}
