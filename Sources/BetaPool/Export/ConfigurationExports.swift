import CBetaPool

@_cdecl("betapool_config_init")
public func betapool_config_init(_ config: UnsafeMutablePointer<betapool_config>?) -> Int32 {
    reporting { () throws(Errno) in
        guard let config else { throw .invalidArgument }
        config.pointee = betapool_config()
        let defaults = Settings(.adaptive, limits: .recent())
        config.pointee.size = MemoryLayout<betapool_config>.size
        config.pointee.policy = defaults.policy.rawValue
        config.pointee.hysteresis = UInt32(defaults.hysteresis)
        config.pointee.beta_threshold = defaults.betaThreshold
        config.pointee.alpha = defaults.alpha
        return 0
    }
}

@_cdecl("betapool_policy_by_name")
public func betapool_policy_by_name(_ name: UnsafePointer<CChar>?) -> Int32 {
    guard let name else { return -Errno.invalidArgument.code }
    var candidate: Int32 = 0
    while let policy = PolicyKind(rawValue: candidate) {
        if policy.name.equals(name) { return candidate }
        candidate += 1
    }
    return -Errno.invalidArgument.code
}

@_cdecl("betapool_policy_name")
public func betapool_policy_name(_ policy: Int32) -> UnsafePointer<CChar>? {
    PolicyKind(rawValue: policy)?.name.cString
}

@_cdecl("betapool_get_limits")
public func betapool_get_limits(_ limits: UnsafeMutablePointer<betapool_limits>?) -> Int32 {
    reporting { () throws(Errno) in
        guard let limits, limits.pointee.size == MemoryLayout<betapool_limits>.size else { throw .invalidArgument }
        let current = Limits.current()
        limits.pointee.cores = current.cores
        limits.pointee.memory = current.memory ?? 0
        limits.pointee.threads = current.threads ?? 0
        return 0
    }
}

@_cdecl("betapool_wall_time")
public func betapool_wall_time() -> Double {
    Clock.now()
}

@_cdecl("betapool_cpu_time")
public func betapool_cpu_time() -> Double {
    Clock.threadCPU()
}

extension StaticString {
    fileprivate func equals(_ other: UnsafePointer<CChar>) -> Bool {
        var index = 0
        while cString[index] == other[index] {
            if cString[index] == 0 { return true }
            index += 1
        }
        return false
    }
}

extension Settings {
    /// Not validated: see `isValid`.
    init(_ config: betapool_config) throws(Errno) {
        guard let policy = PolicyKind(rawValue: config.policy) else { throw .invalidArgument }
        self.init(policy, limits: .recent())
        if config.max_threads != 0 { maxThreads = Int(clamping: config.max_threads) }
        minThreads = config.min_threads != 0 ? Int(clamping: config.min_threads) : min(minThreads, maxThreads)
        if config.min_threads != 0, config.max_threads == 0 { maxThreads = max(maxThreads, minThreads) }
        if config.interval != 0 { interval = config.interval }
        hysteresis = Int(clamping: config.hysteresis)
        betaThreshold = config.beta_threshold
        alpha = config.alpha
    }
}

extension PoolConfiguration {
    init(_ config: betapool_config) throws(Errno) {
        settings = try Settings(config)
        queueLimit = config.queue_limit == 0 ? .max : size(config.queue_limit)
        stackSize = config.stack_size == 0 ? 1 << 20 : size(config.stack_size)
        threadName = if let name = config.thread_name { ThreadName(name) } else { ThreadName(("betapool" as StaticString).cString) }
        host = Host(
            context: config.host, spawn: config.spawn, beforeWait: config.before_wait, afterWait: config.after_wait,
            lock: try hostLock(config),
            onDecision: unsafeBitCast(config.on_decision, to: UnsafeRawPointer?.self),
            deliver: { onDecision, context, decision in
                var decision = betapool_decision(decision.load(as: Decision.self))
                unsafeBitCast(onDecision, to: type(of: betapool_config().on_decision))?(context, &decision)
            })
    }
}

func hostLock(_ config: betapool_config) throws(Errno) -> HostLock {
    let start = UInt(bitPattern: config.lock)
    let (end, overflow) = start.addingReportingOverflow(UInt(size(config.lock_size)))
    if start == .max { return .unknown }
    guard !overflow, (start == 0) == (config.lock_size == 0) else { throw .invalidArgument }
    return start == 0 ? .none : .at(start..<end)
}

/// A configuration that came from outside.
func configuration(_ config: UnsafePointer<betapool_config>?) throws(Errno) -> betapool_config {
    guard let config, config.pointee.size == MemoryLayout<betapool_config>.size else { throw .invalidArgument }
    return config.pointee
}
