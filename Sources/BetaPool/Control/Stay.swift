/// What is known of the thread count in force since it was set.
struct Stay {
    /// Counted as far as anybody asks.
    private(set) var ticks = 0
    private(set) var seconds = 0.0
    private(set) var completed = 0.0
    private(set) var occupancy: Occupancy?
    private var newest = Occupancy()
    private var last: (time: Double, completed: UInt64)
    private var recent = (seconds: 0.0, completed: 0.0)

    /// Ticks that the means of wait states, the rate, and the newest rate reach back.
    private static let memory = (occupancy: 8, rate: 32, recent: 4)

    init(since time: Double, completed: UInt64) {
        last = (time, completed)
    }

    /// Tasks per second.
    var rate: Double { seconds > 0 ? completed / seconds : 0 }

    mutating func add(_ load: Load, now: Double) {
        ticks = min(ticks + 1, 2 * Self.memory.rate)
        let span = max(now - last.time, 0)
        let count = Double(load.completed - min(last.completed, load.completed))
        last = (now, load.completed)
        seconds = Self.fade(seconds, ticks, Self.memory.rate) + span
        completed = Self.fade(completed, ticks, Self.memory.rate) + count
        recent.seconds = Self.fade(recent.seconds, ticks, Self.memory.recent) + span
        recent.completed = Self.fade(recent.completed, ticks, Self.memory.recent) + count
        if hasShifted { (seconds, completed) = recent }
        if let sample = load.occupancy { add(sample) }
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
