internal import CBetaPool

/// How a controller decides. Made from its name, as in `Policy("paper-io")`, and described by it.
public struct Policy: Hashable, Sendable, CaseIterable, LosslessStringConvertible {
    let number: Int32

    /// Keeps as many threads as keep the bottleneck busy, and no more, by what the threads are doing. The default.
    public static let adaptive = Policy(BETAPOOL_ADAPTIVE)
    /// Algorithm 1 of arXiv 2601.10582, to the letter.
    public static let paper = Policy(BETAPOOL_PAPER)
    /// Algorithm 1, fed with the blocking ratio that contention does not inflate (``Decision/betaIO``).
    public static let paperIO = Policy(BETAPOOL_PAPER_IO)
    /// No control: always the most threads.
    public static let fixed = Policy(BETAPOOL_FIXED)

    /// Those above.
    public static var allCases: [Policy] {
        sequence(first: fixed) { Policy(number: $0.number + 1) }.prefix { betapool_policy_name($0.number) != nil }
    }

    private init(_ policy: betapool_policy) {
        number = Int32(policy.rawValue)
    }

    init(number: Int32) {
        self.number = number
    }

    /// `"adaptive"`, `"paper"`, `"paper-io"` or `"fixed"`; nil for any other name.
    public init?(_ name: String) {
        number = betapool_policy_by_name(name)
        guard number >= 0 else { return nil }
    }

    /// The name.
    public var description: String {
        String(cString: betapool_policy_name(number))
    }
}
