/// What is known of the thread count in force since it was set.
struct Stay {
    private(set) var ticks = 0
    private(set) var seconds = 0.0
    private(set) var completed = 0.0
    private(set) var occupancy: Occupancy?
    private var last: (time: Double, completed: UInt64)

    /// Means reach back this many ticks.
    private static let memory = 8

    init(since time: Double, completed: UInt64) {
        last = (time, completed)
    }

    mutating func add(_ load: Load, now: Double) {
        ticks += 1
        // Old intervals fade, so that the rate follows the work.
        let fade = ticks > Self.memory * 4 ? 1 - 1 / Double(Self.memory * 4) : 1
        seconds = seconds * fade + max(now - last.time, 0)
        completed = completed * fade + Double(load.completed - min(last.completed, load.completed))
        last = (now, load.completed)
        guard let sample = load.occupancy else { return }
        if occupancy == nil { occupancy = sample }
        occupancy?.blend(sample, weight: 1 / Double(min(ticks, Self.memory)))
    }

    /// Tasks per second.
    var rate: Double { seconds > 0 ? completed / seconds : 0 }
}
