/// What is known of the thread count in force since it was set.
struct Stay {
    /// Counted as far as anybody asks.
    private(set) var ticks = 0
    private(set) var seconds = 0.0
    private(set) var completed = 0.0
    private(set) var occupancy: Occupancy?
    /// How much more the completions of one tick vary than those of a Poisson process would: their variance, divided by their mean. Tasks of
    /// mixed sizes vary more. It belongs to the work, not to the count, and is handed on from one count to the next.
    private(set) var dispersion: Double
    private var newest = Occupancy()
    private var last: (time: Double, completed: UInt64, rate: Double?)
    private var recent = (seconds: 0.0, completed: 0.0)

    /// Ticks that the means of wait states, the rate, and the newest rate reach back.
    private static let memory = (occupancy: 8, rate: 32, recent: 4)
    private static let mostDispersion = 20.0

    init(since time: Double, completed: UInt64, dispersion: Double = 1) {
        self.dispersion = dispersion
        last = (time, completed, nil)
    }

    /// Tasks per second.
    var rate: Double { seconds > 0 ? completed / seconds : 0 }

    mutating func add(_ load: Load, now: Double) {
        ticks = min(ticks + 1, 2 * Self.memory.rate)
        let span = max(now - last.time, 0)
        let count = Double(load.completed - min(last.completed, load.completed))
        noteDispersion(count, span)
        last = (now, load.completed, span > 0 ? count / span : nil)
        seconds = Self.fade(seconds, ticks, Self.memory.rate) + span
        completed = Self.fade(completed, ticks, Self.memory.rate) + count
        recent.seconds = Self.fade(recent.seconds, ticks, Self.memory.recent) + span
        recent.completed = Self.fade(recent.completed, ticks, Self.memory.recent) + count
        if hasShifted { (seconds, completed) = recent }
        if let sample = load.occupancy { add(sample) }
    }

    /// From one tick to the next, so that a rate that drifts counts for little. One that jumps is other work and must not count for long.
    private mutating func noteDispersion(_ count: Double, _ span: Double) {
        guard let rate = last.rate, count + rate * span > 0 else { return }
        let change = count - rate * span
        dispersion += (min(change * change / (count + rate * span), Self.mostDispersion) - dispersion) * 0.1
    }

    private mutating func add(_ sample: Occupancy) {
        guard var mean = occupancy else {
            occupancy = sample
            newest = sample
            return
        }
        mean.blend(sample, weight: 1 / Double(min(ticks, Self.memory.occupancy)))
        newest.blend(sample, weight: 0.5)
        // Twice in a row something else: the mean is of another time.
        let isAnother = ticks > 2 && newest.distance(to: mean) > 0.3 * mean.busy
        occupancy = isAnother ? newest : mean
    }

    /// Whether tasks are finished about as fast as then.
    func isLike(_ rate: Double) -> Bool { self.rate > 0.7 * rate && self.rate < 1.4 * rate }

    /// Whether the work is not what it was: the rate has changed by half.
    private var hasShifted: Bool {
        guard recent.completed >= 20, recent.seconds > 0 else { return false }
        let change = recent.completed / recent.seconds / rate
        return change > 1.5 || change < 0.67
    }

    /// What is left of a sum whose old parts fade once it is full.
    private static func fade(_ sum: Double, _ ticks: Int, _ memory: Int) -> Double {
        ticks > memory ? sum * (1 - 1 / Double(memory)) : sum
    }
}
