/// What the tasks of one control interval used: two running sums, so O(1) in time and space (paper, Theorem 1).
struct Monitor {
    private(set) var cpu = 0.0
    private var wall = 0.0

    /// Adds a task, or a worker's share of an interval: seconds of CPU and of wall time.
    mutating func add(cpu: Double, wall: Double) {
        self.cpu += cpu
        self.wall += wall
    }

    /// Ends the interval. The blocking ratio, weighted by time (paper, eq. 3); nil if nothing was measured.
    mutating func takeBeta() -> Double? {
        defer { self = Monitor() }
        return wall > 0 ? 1 - cpu / wall : nil
    }
}

/// An exponentially weighted mean of blocking ratios. An interval without a sample leaves it as it is: nothing is made up.
struct SmoothedBeta {
    private(set) var value = 0.5

    mutating func add(_ sample: Double?, alpha: Double) {
        guard let sample else { return }
        value = alpha * sample + (1 - alpha) * value
    }
}
