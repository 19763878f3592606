import CBetaPool

@_cdecl("betapool_action_name")
public func betapool_action_name(_ action: Int32) -> UnsafePointer<CChar>? {
    Action(rawValue: action)?.name.cString
}

@_cdecl("betapool_decision_reason")
public func betapool_decision_reason(
    _ decision: UnsafePointer<betapool_decision>?, _ memory: UnsafeMutablePointer<CChar>?, _ capacity: Int
) -> Int32 {
    guard let decision, memory != nil || capacity == 0,
        let reason = Why.Reason(rawValue: decision.pointee.reason)
    else { return -Errno.invalidArgument.code }
    var text = Text(in: UnsafeMutableBufferPointer(start: memory, count: size(capacity)))
    Why(reason, decision.pointee.observed, decision.pointee.limit).write(to: &text)
    return Int32(text.length)
}

extension betapool_decision {
    init(_ decision: Decision) {
        self.init(
            number: decision.number, time: decision.time, beta: decision.beta ?? .nan, beta_ewma: decision.smoothedBeta,
            beta_io: decision.occupancy?.betaIO ?? .nan, running_threads: decision.occupancy?.running ?? .nan,
            contending_threads: decision.occupancy?.contending ?? .nan, waiting_threads: decision.occupancy?.waiting ?? .nan,
            surplus_threads: decision.surplus ?? .nan, queue_length: decision.queueLength, threads_before: UInt32(decision.threadsBefore),
            threads: UInt32(decision.threads),
            action: decision.action.rawValue, reason: decision.why.reason.rawValue, observed: decision.why.observed,
            limit: decision.why.limit)
    }
}

/// Where copies of decisions go.
struct DecisionBuffer {
    private let memory: UnsafeMutablePointer<betapool_decision>?
    let capacity: Int
    private(set) var count: Int32 = 0

    init(_ memory: UnsafeMutablePointer<betapool_decision>?, capacity: Int) throws(Errno) {
        guard memory != nil || capacity == 0 else { throw .invalidArgument }
        self.memory = memory
        self.capacity = size(capacity)
    }

    mutating func append(_ decision: Decision) {
        memory?[Int(count)] = betapool_decision(decision)
        count += 1
    }
}
