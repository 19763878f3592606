/// A change of the thread count whose worth is not known yet. Wait states show threads that wait for each other; they do not show a
/// bottleneck outside, such as a service that answers eight at a time. Only completions per second do.
struct Trial {
    enum Outcome: UInt8 {
        case undecided
        case better
        case notBetter
    }

    /// Fewer completions than this say nothing.
    private static let fewest = 4.0
    /// Growth pays if it brings this share of what it would bring without a bottleneck.
    private static let leastShare = 0.25
    /// Added threads must have had the time for so many tasks each before they can be found useless. No more than so many seconds, which must
    /// be less than the policy waits before it grows further: else nothing would ever be found out.
    private static let fairness = (tasks: 3.0, seconds: 0.25)
    /// Fewer threads are as good if the rate falls by no more than this.
    private static let tolerance = 0.03
    /// Half as many threads are better if they do so much more for the longer of these seconds: which core a thread wakes on, and with it what a
    /// hand-over costs, stays the same for some tenths of a second and then is another matter.
    private static let halving = (gain: 1.05, least: 0.1, most: 0.6)

    /// How it was before.
    let threads: Int
    let rate: Double
    private let completed: Double

    /// nil if not enough is known of how it was before.
    init?(before threads: Int, _ stay: Stay) {
        guard stay.completed >= Self.fewest else { return nil }
        self.threads = threads
        rate = stay.rate
        completed = stay.completed
    }

    /// Whether more threads than before are better.
    func outcome(ofGrowingTo threads: Int, _ stay: Stay) -> Outcome {
        guard stay.completed >= Self.fewest, threads > self.threads else { return .undecided }
        let gain = stay.rate / rate
        let enough = 1 + Self.leastShare * (Double(threads) / Double(self.threads) - 1)
        if gain - spread(gain, stay) / 2 >= enough { return .better }
        // Where wait states cannot be read nothing but this holds growth back, so it is judged at once.
        let fair = stay.occupancy == nil ? 0 : min(Self.fairness.tasks * Double(self.threads) / rate, Self.fairness.seconds)
        guard stay.seconds >= fair else { return .undecided }
        // To be wrong here costs more than to be late: a ceiling stands for seconds.
        return gain + spread(gain, stay) * max(1, stay.dispersion).root < enough ? .notBetter : .undecided
    }

    /// Whether fewer threads than before are as good.
    func outcome(ofShrinking stay: Stay, patience: Double) -> Outcome {
        guard stay.completed >= Self.fewest else { return .undecided }
        let gain = stay.rate / rate
        if gain + spread(gain, stay) < 1 - Self.tolerance { return .notBetter }
        guard stay.seconds >= patience else { return .undecided }
        return gain >= 1 - Self.tolerance ? .better : .notBetter
    }

    /// Whether half as many threads as before are better, and not only as good.
    func outcome(ofHalving stay: Stay) -> Outcome {
        guard stay.seconds >= Self.halving.least else { return .undecided }
        let gain = stay.rate / rate
        let stray = spread(gain, stay) * max(1, stay.dispersion).root
        if gain + stray < Self.halving.gain { return .notBetter }
        guard stay.seconds >= Self.halving.most else { return .undecided }
        return gain - stray > Self.halving.gain ? .better : .notBetter
    }

    /// How far a ratio of two counts strays, were they Poisson. Those of a closed loop stray less.
    private func spread(_ gain: Double, _ stay: Stay) -> Double {
        gain * (1 / completed + 1 / stay.completed).root
    }
}
