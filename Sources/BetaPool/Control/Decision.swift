/// What a decision did to the thread count.
enum Action: Int32 {
    case hold = 0
    case scaleUp = 1
    case scaleDown = 2
    /// Growth was asked for by the queue and refused.
    case veto = 3

    var name: StaticString {
        switch self {
        case .hold: "hold"
        case .scaleUp: "scale_up"
        case .scaleDown: "scale_down"
        case .veto: "veto"
        }
    }
}

/// What a policy wants.
struct Verdict {
    let threads: Int
    let why: Why
}

/// One tick of a controller: what it saw, what it did, why.
struct Decision {
    /// 1 for the first.
    let number: UInt64
    /// Seconds, on the clock that the tick was given.
    let time: Double
    /// The blocking ratio of the interval; nil if nothing was measured.
    let beta: Double?
    let smoothedBeta: Double
    /// What busy threads were doing, and how many of them were too many; nil where wait states cannot be read.
    let occupancy: Occupancy?
    let surplus: Double?
    let queueLength: UInt64
    let threadsBefore: Int
    let threads: Int
    let why: Why

    var action: Action {
        if threads > threadsBefore { return .scaleUp }
        if threads < threadsBefore { return .scaleDown }
        return why.refusesGrowth ? .veto : .hold
    }
}
