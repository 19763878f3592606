/// Why a decision was taken: a sentence and the figures in it.
struct Why {
    enum Reason: Int32 {
        case fixed = 1
        case nothingQueued = 2
        case blocking = 3
        case blockingLongEnough = 4
        case atMaximum = 5
        case cpuSaturated = 6
    }

    let reason: Reason
    /// The figure that decided, and what it was held against.
    var observed = 0.0
    var limit = 0.0

    static let fixed = Why(reason: .fixed)
    static let nothingQueued = Why(reason: .nothingQueued)

    static func blocking(intervals: Int, of enough: Int) -> Why {
        Why(reason: .blocking, observed: Double(intervals), limit: Double(enough))
    }

    static func blockingLongEnough(beta: Double, above threshold: Double) -> Why {
        Why(reason: .blockingLongEnough, observed: beta, limit: threshold)
    }

    static func atMaximum(_ threads: Int) -> Why {
        Why(reason: .atMaximum, observed: Double(threads), limit: Double(threads))
    }

    static func cpuSaturated(beta: Double, notAbove threshold: Double) -> Why {
        Why(reason: .cpuSaturated, observed: beta, limit: threshold)
    }

    func write(to text: inout Text) {
        switch reason {
        case .fixed:
            text.append("the thread count is fixed")
        case .nothingQueued:
            text.append("no task waits for a thread")
        case .blocking:
            text.append("tasks wait and threads block: interval ")
            text.append(observed)
            text.append(" of ")
            text.append(limit)
            text.append(" before one thread more")
        case .blockingLongEnough:
            text.append("tasks wait and beta ")
            text.append(observed)
            text.append(" is above ")
            text.append(limit)
            text.append(": one thread more")
        case .atMaximum:
            text.append("tasks wait and threads block, but ")
            text.append(limit)
            text.append(" threads are the maximum")
        case .cpuSaturated:
            text.append("beta ")
            text.append(observed)
            text.append(" is not above ")
            text.append(limit)
            text.append(": the CPU is saturated, growth refused")
        }
    }
}
