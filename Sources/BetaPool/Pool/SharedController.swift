import CSystem

/// A controller for threads that the host owns, behind a handle whose lock guards it. A copy is the same controller.
struct SharedController {
    let handle: Handle

    struct State {
        var controller: Controller
        var crew = AttachedThreads()
        /// Tasks reported, ever.
        var reports: UInt64 = 0
        var cores = Limits.current().cores
        let locks: Locks
        /// Since the last tick.
        var peakBusy = 0
        var hasSampled = false
        let sampler: UnsafeMutablePointer<Sampler>
    }

    private static let kind = HandleKind(
        magic: 0x6265_7463, prepare: { 0 },
        resetInChild: { SharedController(handle: $0.assumingMemoryBound(to: HandleHeader.self)).resetInChild() })

    static func make(_ settings: Settings, lock: HostLock) throws(Errno) -> SharedController {
        let controller = try Controller(settings)
        guard let sampler = allocate(Sampler.self) else {
            controller.destroy()
            throw .outOfMemory
        }
        sampler.initialize(to: Sampler())
        do throws(Errno) {
            let handle = try Registry.acquire(kind, stateSize: MemoryLayout<State>.size)
            Registry.publish(handle, state: State(controller: controller, locks: Locks(host: lock), sampler: sampler))
            return SharedController(handle: handle)
        } catch {
            controller.destroy()
            deallocate(sampler)
            throw error
        }
    }

    func free() throws(Errno) {
        try handle.enter(Self.kind)
        handle.leaveForGood()
        state.pointee.controller.destroy()
        state.pointee.crew.destroy()
        state.pointee.sampler.pointee.closeAll()
        deallocate(state.pointee.sampler)
        Registry.release(handle)
    }

    func withLock<Result>(_ body: (UnsafeMutablePointer<State>) -> Result) throws(Errno) -> Result {
        try handle.enter(Self.kind)
        defer { handle.mutex.unlock() }
        return body(state)
    }

    private var state: UnsafeMutablePointer<State> {
        handle.state(as: State.self)
    }

    func report(cpu: Double, wall: Double) throws(Errno) {
        try withLock {
            $0.pointee.controller.report(cpu: cpu, wall: wall)
            $0.pointee.reports += 1
        }
    }

    func tick(now: Double, queueLength: UInt64) throws(Errno) -> Decision {
        try withLock { $0.pointee.tick(now: now, queueLength: queueLength) }
    }

    // MARK: Attached threads

    func attach() throws(Errno) -> Int32 {
        try handle.enter(Self.kind)
        defer { handle.mutex.unlock() }
        return try state.pointee.crew.add(csystem_thread_id())
    }

    func detach(_ number: Int32) throws(Errno) {
        guard try withLock({ $0.pointee.crew.remove(number) }) else { throw .invalidArgument }
    }

    func setBusy(_ number: Int32, _ isBusy: Bool) throws(Errno) {
        guard try withLock({ $0.pointee.crew.setBusy(number, isBusy) }) else { throw .invalidArgument }
    }

    func sample() throws(Errno) -> Int32 {
        try withLock { Int32($0.pointee.sample()) }
    }

    private func resetInChild() {
        state.pointee.sampler.pointee.closeAll()  // they look at the parent's threads
        state.pointee.crew.destroy()
        state.pointee.crew = AttachedThreads()
    }
}

extension SharedController.State {
    /// How many threads have a task.
    fileprivate mutating func sample() -> Int {
        let seen = crew.busy()
        peakBusy = max(peakBusy, seen.busy)
        if crew.count > 0, locks.areKnown { sampler.pointee.sample(seen, locks: locks) }
        hasSampled = true
        return seen.busy
    }

    fileprivate mutating func tick(now: Double, queueLength: UInt64) -> Decision {
        if !hasSampled { _ = sample() }
        var load = Load(queueLength: queueLength, started: reports, completed: reports)
        load.peakBusy = crew.count > 0 ? peakBusy : .max  // the host knows whether its threads are all at work
        load.occupancy = crew.count > 0 ? sampler.pointee.take() : nil
        peakBusy = 0
        hasSampled = false
        load.cores = cores
        load.capacity = locks.host.capacity(cores: cores)
        return controller.tick(now: now, load: load)
    }
}

/// The threads that a host has made known, by number.
struct AttachedThreads {
    private struct Entry {
        /// The kernel's number; 0: free.
        var thread: Int32 = 0
        var isBusy = false
    }

    private var entries: UnsafeMutablePointer<Entry>?
    private var capacity = 0
    private(set) var count = 0
    /// Where to begin looking for busy ones.
    private var turn = 0

    func destroy() {
        if let entries { deallocate(entries) }
    }

    mutating func add(_ thread: Int32) throws(Errno) -> Int32 {
        if count == capacity { try grow() }
        var number = 0
        while entries![number].thread != 0 { number += 1 }
        entries![number] = Entry(thread: thread)
        count += 1
        return Int32(number)
    }

    mutating func remove(_ number: Int32) -> Bool {
        guard has(number) else { return false }
        entries![Int(number)] = Entry()
        count -= 1
        return true
    }

    mutating func setBusy(_ number: Int32, _ isBusy: Bool) -> Bool {
        guard has(number) else { return false }
        entries![Int(number)].isBusy = isBusy
        return true
    }

    /// Those that have a task; if they are many, others each time.
    mutating func busy() -> Sampler.Crew {
        var crew = Sampler.Crew()
        let first = turn
        for step in 0..<capacity {
            let number = (first + step) % capacity
            guard entries![number].thread != 0, entries![number].isBusy else { continue }
            crew.busy += 1
            guard crew.count < Sampler.slotCount else { continue }
            crew.threads[crew.count] = entries![number].thread
            crew.count += 1
            turn = number + 1
        }
        if crew.busy <= crew.count { turn = 0 }
        return crew
    }

    private func has(_ number: Int32) -> Bool {
        number >= 0 && number < capacity && entries![Int(number)].thread != 0
    }

    private mutating func grow() throws(Errno) {
        let larger = max(16, capacity * 2)
        guard larger <= Settings.mostThreads, let memory = allocate(Entry.self, count: larger) else { throw .outOfMemory }
        for index in 0..<larger { (memory + index).initialize(to: index < capacity ? entries![index] : Entry()) }
        destroy()
        entries = memory
        capacity = larger
    }
}
