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

/// The constants of a controller. The defaults are the paper's.
struct Settings {
    static let mostThreads = 65536

    var policy = PolicyKind.adaptive
    /// N_min
    var minThreads = 4
    /// N_max
    var maxThreads = 64
    /// H: intervals of wanting to grow before growing.
    var hysteresis = 3
    /// Growth needs a blocking ratio above this.
    var betaThreshold = 0.3
    /// The weight of the newest interval in the mean.
    var alpha = 0.2
    /// Seconds between ticks.
    var interval = 0.5

    var isValid: Bool {
        minThreads >= 1 && minThreads <= maxThreads && maxThreads <= Self.mostThreads
            && hysteresis >= 1
            && betaThreshold >= 0 && betaThreshold <= 1
            && alpha > 0 && alpha <= 1
            && interval >= 0.001 && interval <= 3600
    }
}
