/// How a controller decides.
enum PolicyKind: Int32 {
    case fixed = 0
    case paper = 1
    case paperIO = 2
    case adaptive = 3

    var name: StaticString {
        switch self {
        case .fixed: "fixed"
        case .paper: "paper"
        case .paperIO: "paper-io"
        case .adaptive: "adaptive"
        }
    }
}

/// The constants of a controller.
struct Settings {
    static let mostThreads = 65536

    var policy: PolicyKind
    /// N_min
    var minThreads: Int
    /// N_max
    var maxThreads: Int
    /// Seconds between ticks.
    var interval: Double
    /// H: intervals of wanting to grow before growing (Algorithm 1).
    var hysteresis = 3
    /// Growth needs a blocking ratio above this (Algorithm 1).
    var betaThreshold = 0.3
    /// The weight of the newest interval in the mean.
    var alpha = 0.2

    /// The defaults of a policy: the paper's constants for the paper's algorithm. The adaptive policy finds its count quickly from 1 thread,
    /// and needs a maximum only as a safeguard, which comes from the limits of the system.
    init(_ policy: PolicyKind, limits: Limits) {
        self.policy = policy
        switch policy {
        case .fixed, .paper, .paperIO:
            minThreads = 4
            maxThreads = 64
            interval = 0.5
        case .adaptive:
            minThreads = 1
            maxThreads = Self.safeThreads(limits)
            interval = 0.1
        }
    }

    /// The count to begin with: the paper's N_min; for adaptive, which soon knows better, a few.
    var firstThreads: Int {
        switch policy {
        case .fixed: maxThreads
        case .paper, .paperIO: minThreads
        case .adaptive: min(max(4, minThreads), maxThreads)
        }
    }

    var isValid: Bool {
        minThreads >= 1 && minThreads <= maxThreads && maxThreads <= Self.mostThreads
            && hysteresis >= 1
            && betaThreshold >= 0 && betaThreshold <= 1
            && alpha > 0 && alpha <= 1
            && interval >= 0.001 && interval <= 3600
    }

    /// As many threads as leave memory and thread numbers for others: 256 KiB each, and half of the threads allowed.
    private static func safeThreads(_ limits: Limits) -> Int {
        let byMemory = limits.memory.map { $0 >> 18 } ?? 1024
        let byNumber = limits.threads.map { $0 / 2 } ?? 1024
        return Int(min(max(min(byMemory, byNumber), 4), UInt64(mostThreads)))
    }
}
