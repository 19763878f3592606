import CBetaPool
import CSystem

extension Pool {
    /// A pool that came from outside.
    fileprivate init(_ pointer: OpaquePointer?) throws(Errno) {
        guard let pointer else { throw .invalidArgument }
        self.init(handle: Handle(pointer))
    }
}

@_cdecl("betapool_create")
public func betapool_create(_ config: UnsafePointer<betapool_config>?, _ pool: UnsafeMutablePointer<OpaquePointer?>?) -> Int32 {
    reporting { () throws(Errno) in
        guard let pool else { throw .invalidArgument }
        pool.pointee = OpaquePointer(try Pool.make(try PoolConfiguration(try configuration(config))).handle)
        return 0
    }
}

// The two ways in are made of three parts: what nearly always is all of it, without a call and with nothing to save for one; then, with the
// lock already held or not, the rest.

@_cdecl("betapool_submit")
@inline(__always)
public func betapool_submit(_ pool: OpaquePointer?, _ function: betapool_function?, _ argument: UnsafeMutableRawPointer?) -> Int32 {
    guard let pool, let function else { return -EINVAL }
    let open = Pool(handle: Handle(pool))
    guard open.tryLock() else { return submit(open, function, argument, isLocked: false) }
    guard open.submitAtOnce(Task(function: function, argument: argument)) else { return submit(open, function, argument, isLocked: true) }
    return 0
}

@inline(never)
private func submit(_ pool: Pool, _ function: betapool_function, _ argument: UnsafeMutableRawPointer?, isLocked: Bool) -> Int32 {
    var task = Task(function: function, argument: argument)
    return submit(pool, &task, 1, isLocked: isLocked)
}

@_cdecl("betapool_submit_batch")
public func betapool_submit_batch(_ pool: OpaquePointer?, _ tasks: UnsafePointer<betapool_task>?, _ count: Int) -> Int32 {
    // An array of none need not be anywhere.
    guard let pool, let tasks = tasks ?? (count == 0 ? UnsafePointer(bitPattern: 8) : nil), areComplete(tasks, count: count) else {
        return -EINVAL
    }
    let open = Pool(handle: Handle(pool))
    // A Task is a betapool_task whose function is known not to be NULL.
    let complete = UnsafeRawPointer(tasks).assumingMemoryBound(to: Task.self)
    guard open.tryLock() else { return submit(open, complete, count, isLocked: false) }
    guard open.submitAtOnce(complete, count: count) else { return submit(open, complete, count, isLocked: true) }
    return 0
}

/// Whether each has a function. No if there cannot be so many: the count is a mistake then, and the array not to be read.
@inline(__always)
private func areComplete(_ tasks: UnsafePointer<betapool_task>, count: Int) -> Bool {
    guard count >= 0, count <= Int.max / MemoryLayout<betapool_task>.stride else { return false }
    for index in 0..<count where tasks[index].function == nil { return false }
    return true
}

@inline(never)
private func submit(_ pool: Pool, _ tasks: UnsafePointer<Task>, _ count: Int, isLocked: Bool) -> Int32 {
    reporting { () throws(Errno) in
        try pool.submit(tasks, count: count, isLocked: isLocked)
        return 0
    }
}

@_cdecl("betapool_take")
public func betapool_take(_ pool: OpaquePointer?, _ task: UnsafeMutablePointer<betapool_task>?) -> Int32 {
    reporting { () throws(Errno) in
        let pool = try Pool(pool)
        guard let task else { throw .invalidArgument }
        guard let taken = try pool.take() else { return 0 }
        task.pointee = betapool_task(function: taken.function, argument: taken.argument)
        return 1
    }
}

@_cdecl("betapool_wait")
public func betapool_wait(_ pool: OpaquePointer?, _ timeout: Double) -> Int32 {
    reporting { () throws(Errno) in
        guard !timeout.isNaN else { throw .invalidArgument }
        try Pool(pool).wait(timeout: timeout)
        return 0
    }
}

@_cdecl("betapool_resize")
public func betapool_resize(_ pool: OpaquePointer?, _ minThreads: UInt32, _ maxThreads: UInt32) -> Int32 {
    reporting { () throws(Errno) in
        try Pool(pool).resize(minThreads: Int(clamping: minThreads), maxThreads: Int(clamping: maxThreads))
        return 0
    }
}

@_cdecl("betapool_shutdown")
public func betapool_shutdown(_ pool: OpaquePointer?, _ mode: Int32) -> Int32 {
    reporting { () throws(Errno) in
        guard let mode = Pool.ShutdownMode(rawValue: mode) else { throw .invalidArgument }
        try Pool(pool).shutDown(mode)
        return 0
    }
}

@_cdecl("betapool_join")
public func betapool_join(_ pool: OpaquePointer?, _ timeout: Double) -> Int32 {
    reporting { () throws(Errno) in
        guard !timeout.isNaN else { throw .invalidArgument }
        try Pool(pool).join(timeout: timeout)
        return 0
    }
}

@_cdecl("betapool_free")
public func betapool_free(_ pool: OpaquePointer?) -> Int32 {
    guard pool != nil else { return 0 }
    return reporting { () throws(Errno) in
        try Pool(pool).end()
        return 0
    }
}

@_cdecl("betapool_get_stats")
public func betapool_get_stats(_ pool: OpaquePointer?, _ stats: UnsafeMutablePointer<betapool_stats>?) -> Int32 {
    reporting { () throws(Errno) in
        let pool = try Pool(pool)
        guard let stats, stats.pointee.size == MemoryLayout<betapool_stats>.size else { throw .invalidArgument }
        stats.pointee = betapool_stats(try pool.stats())
        return 0
    }
}

@_cdecl("betapool_get_decisions")
public func betapool_get_decisions(
    _ pool: OpaquePointer?, _ decisions: UnsafeMutablePointer<betapool_decision>?, _ capacity: Int
) -> Int32 {
    reporting { () throws(Errno) in
        var buffer = try DecisionBuffer(decisions, capacity: capacity)
        try Pool(pool).forEachDecision(newest: buffer.capacity) { buffer.append($0) }
        return buffer.count
    }
}

@_cdecl("betapool_serve")
public func betapool_serve(_ pool: OpaquePointer?) -> Int32 {
    reporting { () throws(Errno) in
        try Pool(pool).serveForHost()
        return 0
    }
}

@_cdecl("betapool_serve_failed")
public func betapool_serve_failed(_ pool: OpaquePointer?) -> Int32 {
    reporting { () throws(Errno) in
        try Pool(pool).forgetPromisedThread()
        return 0
    }
}

extension betapool_stats {
    fileprivate init(_ stats: PoolStats) {
        self.init(
            size: MemoryLayout<betapool_stats>.size, policy: stats.settings.policy.rawValue,
            min_threads: UInt32(stats.settings.minThreads), max_threads: UInt32(stats.settings.maxThreads),
            target_threads: UInt32(stats.targetThreads),
            threads: UInt32(stats.threads), idle_threads: UInt32(stats.idleThreads), queue_length: UInt64(stats.queueLength),
            running: UInt64(stats.running), submitted: stats.submitted, completed: stats.totals.completed,
            cancelled: stats.totals.cancelled, threads_started: stats.totals.threadsStarted,
            threads_retired: stats.totals.threadsRetired, spawn_failures: stats.totals.spawnFailures, decisions: stats.decisions,
            scale_ups: stats.tally.scaleUps, scale_downs: stats.tally.scaleDowns, vetoes: stats.tally.vetoes,
            cpu_time: stats.totals.cpuTime, busy_time: stats.totals.busyTime, beta: stats.beta ?? .nan, beta_ewma: stats.smoothedBeta,
            beta_io: stats.occupancy?.betaIO ?? .nan, running_threads: stats.occupancy?.running ?? .nan,
            contending_threads: stats.occupancy?.contending ?? .nan, waiting_threads: stats.occupancy?.waiting ?? .nan,
            surplus_threads: stats.surplus ?? .nan,
            wait_states: stats.seesWaitStates ? 1 : 0)
    }
}
