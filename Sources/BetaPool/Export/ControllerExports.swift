import CBetaPool

extension SharedController {
    /// A controller that came from outside.
    fileprivate init(_ pointer: OpaquePointer?) throws(Errno) {
        guard let pointer else { throw .invalidArgument }
        self.init(handle: Handle(pointer))
    }
}

@_cdecl("betapool_controller_create")
public func betapool_controller_create(
    _ config: UnsafePointer<betapool_config>?, _ controller: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
    reporting { () throws(Errno) in
        guard let controller else { throw .invalidArgument }
        let config = try configuration(config)
        controller.pointee = OpaquePointer(try SharedController.make(try Settings(config), lock: try hostLock(config)).handle)
        return 0
    }
}

@_cdecl("betapool_controller_report")
public func betapool_controller_report(_ controller: OpaquePointer?, _ cpu: Double, _ wall: Double) -> Int32 {
    reporting { () throws(Errno) in
        let controller = try SharedController(controller)
        guard cpu >= 0, wall >= 0, wall <= 1e9, cpu <= wall * 1.01 + 20e-6 else { throw .invalidArgument }
        try controller.report(cpu: min(cpu, wall), wall: wall)
        return 0
    }
}

@_cdecl("betapool_controller_tick")
public func betapool_controller_tick(
    _ controller: OpaquePointer?, _ now: Double, _ queueLength: UInt64, _ decision: UnsafeMutablePointer<betapool_decision>?
) -> Int32 {
    reporting { () throws(Errno) in
        let controller = try SharedController(controller)
        guard now.isFinite else { throw .invalidArgument }
        let taken = try controller.tick(now: now, queueLength: queueLength)
        decision?.pointee = betapool_decision(taken)
        return 0
    }
}

@_cdecl("betapool_controller_attach")
public func betapool_controller_attach(_ controller: OpaquePointer?) -> Int32 {
    reporting { () throws(Errno) in try SharedController(controller).attach() }
}

@_cdecl("betapool_controller_set_busy")
public func betapool_controller_set_busy(_ controller: OpaquePointer?, _ thread: Int32, _ busy: Int32) -> Int32 {
    reporting { () throws(Errno) in
        try SharedController(controller).setBusy(thread, busy != 0)
        return 0
    }
}

@_cdecl("betapool_controller_detach")
public func betapool_controller_detach(_ controller: OpaquePointer?, _ thread: Int32) -> Int32 {
    reporting { () throws(Errno) in
        try SharedController(controller).detach(thread)
        return 0
    }
}

@_cdecl("betapool_controller_sample")
public func betapool_controller_sample(_ controller: OpaquePointer?) -> Int32 {
    reporting { () throws(Errno) in try SharedController(controller).sample() }
}

@_cdecl("betapool_controller_threads")
public func betapool_controller_threads(_ controller: OpaquePointer?) -> Int32 {
    reporting { () throws(Errno) in
        try SharedController(controller).withLock { Int32($0.pointee.controller.threads) }
    }
}

@_cdecl("betapool_controller_beta")
public func betapool_controller_beta(_ controller: OpaquePointer?) -> Double {
    do throws(Errno) {
        return try SharedController(controller).withLock { $0.pointee.controller.smoothedBeta.value }
    } catch {
        return .nan
    }
}

@_cdecl("betapool_controller_get_decisions")
public func betapool_controller_get_decisions(
    _ controller: OpaquePointer?, _ decisions: UnsafeMutablePointer<betapool_decision>?, _ capacity: Int
) -> Int32 {
    reporting { () throws(Errno) in
        var buffer = try DecisionBuffer(decisions, capacity: capacity)
        try SharedController(controller).withLock { state in
            state.pointee.controller.log.forEach(newest: buffer.capacity) { buffer.append($0) }
        }
        return buffer.count
    }
}

@_cdecl("betapool_controller_free")
public func betapool_controller_free(_ controller: OpaquePointer?) -> Int32 {
    guard controller != nil else { return 0 }
    return reporting { () throws(Errno) in
        try SharedController(controller).free()
        return 0
    }
}
