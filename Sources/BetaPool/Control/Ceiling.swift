/// A thread count above which growth was found not to pay, for want of a bottleneck that can be seen.
struct Ceiling {
    enum Look: UInt8 {
        case up
        case down
    }

    private static let firstPause = 0.5
    /// Looking up costs next to nothing, looking down some throughput.
    private static let longestPause = (up: 10.0, down: 30.0)
    /// The knee itself is not seen, only that it was passed: some room above it.
    private static let room = 1.5

    private(set) var threads: Int
    private var rate: Double
    /// When to look whether the knee has moved, and where.
    private(set) var nextLook: Double
    private(set) var look = Look.up
    private var pause = firstPause

    /// - Parameter knee: the least thread count that may reach the rate.
    init(knee: Double, rate: Double, now: Double) {
        threads = Int((knee * Self.room + 0.999).clamped(to: 1...Double(Settings.mostThreads)))
        self.rate = rate
        nextLook = now + pause
    }

    /// The knee has not moved up, or not down: look again later, the other way.
    mutating func stands(rate: Double, now: Double) {
        self.rate = rate
        look = look == .up ? .down : .up
        pause = min(pause * 2, Self.longestPause.down)
        nextLook = now + (look == .up ? min(pause, Self.longestPause.up) : pause)
    }

    /// The knee is lower.
    mutating func lower(to threads: Int, now: Double) {
        self.threads = threads
        nextLook = now + Self.firstPause
    }

    /// More tasks are finished than when the ceiling was found: the knee may have moved up.
    mutating func notice(_ stay: Stay, now: Double) {
        guard stay.completed >= 200, stay.rate > rate * 1.08 else { return }
        look = .up
        nextLook = now
    }

    /// Whether the work is no longer the work that the ceiling was found with.
    func isOutdated(by stay: Stay) -> Bool {
        stay.completed >= 20 && (stay.rate > rate * 1.5 || stay.rate < rate * 0.5)
    }
}
