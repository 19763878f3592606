import CBetaPool

/// A controller behind a handle, with the handle's lock around it.
private struct SharedController {
    static let kind = HandleKind(magic: 0x6265_7463, prepare: { 0 }, resetInChild: { _ in })

    let handle: Handle

    init(_ pointer: OpaquePointer?) throws(Errno) {
        guard let pointer else { throw .invalidArgument }
        handle = Handle(pointer)
    }

    init(_ settings: Settings) throws(Errno) {
        let controller = try Controller(settings)
        do throws(Errno) {
            handle = try Registry.acquire(Self.kind, stateSize: MemoryLayout<Controller>.size)
        } catch {
            controller.destroy()
            throw error
        }
        handle.state(as: Controller.self).initialize(to: controller)
        Registry.publish(handle)
    }

    func withLock<Result>(_ body: (inout Controller) throws(Errno) -> Result) throws(Errno) -> Result {
        try handle.enter(Self.kind)
        defer { handle.pointee.mutex.unlock() }
        return try body(&handle.state(as: Controller.self).pointee)
    }

    func free() throws(Errno) {
        try handle.enter(Self.kind)
        handle.leaveForGood()
        handle.state(as: Controller.self).pointee.destroy()
        Registry.release(handle)
    }
}

@_cdecl("betapool_controller_create")
public func betapool_controller_create(
    _ config: UnsafePointer<betapool_config>?, _ controller: UnsafeMutablePointer<OpaquePointer?>?
) -> Int32 {
    reporting { () throws(Errno) in
        guard let controller else { throw .invalidArgument }
        controller.pointee = OpaquePointer(try SharedController(try Settings(try configuration(config))).handle)
        return 0
    }
}

@_cdecl("betapool_controller_report")
public func betapool_controller_report(_ controller: OpaquePointer?, _ cpu: Double, _ wall: Double) -> Int32 {
    reporting { () throws(Errno) in
        let controller = try SharedController(controller)
        guard cpu >= 0, wall >= 0, wall <= 1e9, cpu <= wall * 1.01 + 20e-6 else { throw .invalidArgument }
        try controller.withLock { (controller) throws(Errno) in controller.report(cpu: min(cpu, wall), wall: wall) }
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
        let taken = try controller.withLock { (controller) throws(Errno) in controller.tick(now: now, load: Load(queueLength: queueLength)) }
        decision?.pointee = betapool_decision(taken)
        return 0
    }
}

@_cdecl("betapool_controller_threads")
public func betapool_controller_threads(_ controller: OpaquePointer?) -> Int32 {
    reporting { () throws(Errno) in
        try SharedController(controller).withLock { (controller) throws(Errno) in Int32(controller.threads) }
    }
}

@_cdecl("betapool_controller_beta")
public func betapool_controller_beta(_ controller: OpaquePointer?) -> Double {
    do throws(Errno) {
        return try SharedController(controller).withLock { (controller) throws(Errno) in controller.smoothedBeta.value }
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
        try SharedController(controller).withLock { (controller) throws(Errno) in
            controller.log.forEach(newest: buffer.capacity) { buffer.append($0) }
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
