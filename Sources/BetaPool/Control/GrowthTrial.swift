/// Growth whose worth is not known yet. Wait states show threads that wait for each other; they do not show a bottleneck outside, such as
/// a service that answers eight at a time. Only completions per second do.
struct GrowthTrial {
    enum Outcome {
        case undecided
        case paid
        /// Growth brought less than a quarter of what it would have brought without a bottleneck.
        case failed(gain: Double)
    }

    private static let leastShare = 0.25
    /// Fewer completions than this say nothing.
    private static let fewest = 4.0

    let threads: Int
    let rate: Double
    private let completed: Double

    /// Remembers how it was before growing; nil if that is not known.
    init?(before threads: Int, _ stay: Stay) {
        guard stay.completed >= Self.fewest else { return nil }
        self.threads = threads
        rate = stay.rate
        completed = stay.completed
    }

    func outcome(with threads: Int, _ stay: Stay) -> Outcome {
        guard stay.completed >= Self.fewest, threads > self.threads else { return .undecided }
        let gain = stay.rate / rate
        let enough = 1 + Self.leastShare * (Double(threads) / Double(self.threads) - 1)
        // The spread of a ratio of two counts, were they Poisson; those of a closed loop spread less.
        let spread = gain * (1 / completed + 1 / stay.completed).root
        if gain - spread / 2 >= enough { return .paid }
        return gain + spread < enough ? .failed(gain: gain) : .undecided
    }
}

/// A thread count above which growth was found not to pay.
struct Ceiling {
    private static let firstPause = 2.0
    private static let longestPause = 30.0
    /// The knee itself is not seen, only that it was passed: some room above it.
    private static let room = 1.25

    let threads: Int
    let rate: Double
    private(set) var nextLook: Double
    private var pause: Double

    init(knee: Double, rate: Double, now: Double, previous: Ceiling?) {
        threads = Int((knee * Self.room + 0.999).clamped(to: 1...Double(Settings.mostThreads)))
        self.rate = rate
        pause = previous.map { min($0.pause * 2, Self.longestPause) } ?? Self.firstPause
        nextLook = now + pause
    }

    /// Whether the work is no longer the work that the ceiling was found with.
    func isOutdated(by stay: Stay) -> Bool {
        stay.completed >= 20 && (stay.rate > rate * 1.5 || stay.rate < rate * 0.5)
    }
}
