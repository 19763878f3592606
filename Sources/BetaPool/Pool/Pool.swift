import CSystem

/// A pool of workers that its controller sizes. A copy is the same pool.
///
/// One lock guards everything. It is held for some tens of instructions at a time, and never while a callback, a system call that sleeps or
/// a task runs. The functions of this type are spread over files by what they are about:
/// Submission (tasks in), Serving (tasks out), Sizing (ticks and thread counts), Ending (wait, shutdown, join), Forking.
struct Pool: @unchecked Sendable {
    let handle: Handle

    var state: UnsafeMutablePointer<PoolState> {
        handle.state(as: PoolState.self)
    }

    static let kind = HandleKind(
        magic: 0x6265_7470,
        prepare: {
            ThreadLocal.create { worker in worker!.assumingMemoryBound(to: WorkerState.self).threadEnded() }
        },
        resetInChild: { Pool(handle: $0.assumingMemoryBound(to: HandleHeader.self)).resetInChild() })

    static func make(_ configuration: PoolConfiguration) throws(Errno) -> Pool {
        guard configuration.isValid else { throw .invalidArgument }
        let handle = try Registry.acquire(kind, stateSize: MemoryLayout<PoolState>.size)
        let pool = Pool(handle: handle)
        do throws(Errno) {
            Registry.publish(handle, state: try PoolState(configuration, lock: handle.mutex.addresses))
        } catch {
            Registry.release(handle)
            throw error
        }
        return pool
    }

    func lock() {
        handle.mutex.lock()
    }

    @inline(never)
    func unlock() {
        openDoor()
        handle.mutex.unlock()
    }

    /// Locks a pool that came from outside.
    func enter() throws(Errno) {
        try handle.enter(Self.kind)
        settle()
    }

    /// What a fork has left to do comes first. Called with the lock held, returns with it held.
    func settle() {
        if !state.pointee.orphans.isEmpty { reportOrphans() }
    }

    /// Whether the calling thread is in the middle of a task of this pool: one of its workers, or about to report tasks as cancelled.
    /// Called with the lock held.
    var isServedByCaller: Bool {
        if let canceller = state.pointee.canceller, canceller == .current { return true }
        guard let worker = Worker.current else { return false }
        return worker.pointee.pool.handle == handle
    }

    /// Whether to wait for the pool would be to wait for the calling thread: also its ticker's, which is about to tell a decision.
    var wouldWaitForCaller: Bool {
        isServedByCaller || state.pointee.ticker.thread == .current
    }

    // MARK: Looking

    func stats() throws(Errno) -> PoolStats {
        try enter()
        defer { unlock() }
        if state.pointee.settings.policy == .fixed { measure(now: Clock.now()) }
        recallClaims()
        return state.pointee.stats
    }

    func forEachDecision(newest limit: Int, _ body: (Decision) -> Void) throws(Errno) {
        try enter()
        defer { unlock() }
        state.pointee.controller.log.forEach(newest: limit, body)
    }
}

/// What a pool is made of.
struct PoolConfiguration {
    static let smallestStack = 65536

    var settings: Settings
    /// Most tasks that may wait; Int.max: no limit.
    var queueLimit: Int
    /// Bytes of stack of a native worker.
    var stackSize: Int
    var threadName: ThreadName
    var host: Host

    var isValid: Bool {
        settings.isValid && host.isValid && stackSize >= Self.smallestStack
    }
}

struct PoolState {
    enum Phase: UInt8 {
        case open
        /// No further tasks; those queued still run.
        case shutDown
        /// As before, and betapool_free is under way.
        case freeing
    }

    let configuration: PoolConfiguration
    var phase = Phase.open
    var queue = TaskQueue()
    /// Tasks that a forked child has inherited and not yet reported as cancelled.
    var orphans = TaskQueue()
    var controller: Controller

    // Workers, each in one of these states.
    /// Hired: a thread was asked for.
    var hired: Worker?
    var hiredCount = 0
    /// Serving: all that have a thread, whatever it does.
    var serving: Worker?
    var servingCount = 0
    /// Whose turn it is to be measured.
    var nextToMeasure: Worker?
    /// Serving and parked, the one that parked last first: so it is still warm, and the surplus at the end stays asleep.
    var idle: Worker?
    var idleCount = 0
    var lookout = Lookout()
    /// Serving, taken off `idle` by a waker, and not yet back at the queue.
    var wakingCount = 0

    /// Workers that run tasks, and tasks that are being reported as cancelled.
    var running = 0
    /// Tasks that workers have claimed, but for those they began with: so many may go back to the queue, at most.
    var claimed = 0
    /// When to look for overdue claims again.
    var nextRecall = 0.0
    /// The thread that reports tasks as cancelled just now.
    var canceller: Thread?
    var totals = Totals()

    /// Threads in betapool_wait or betapool_join, and what they sleep on: incremented when there is news for them.
    var waiters = 0
    let news: Futex

    var ticker: Ticker
    let sampler: UnsafeMutablePointer<Sampler>
    let locks: Locks
    /// The most workers that were busy in a sample since the last tick.
    var peakBusy = 0
    /// The sampler's, as of the last tick.
    var seesWaitStates = false
    /// The native worker that left last. The next one to leave joins it.
    var leaver: Thread?
    var nextThreadNumber: UInt32 = 0

    struct Totals {
        var completed: UInt64 = 0
        var cancelled: UInt64 = 0
        var threadsStarted: UInt64 = 0
        var threadsRetired: UInt64 = 0
        var spawnFailures: UInt64 = 0
        var cpuTime = 0.0
        var busyTime = 0.0
    }

    init(_ configuration: PoolConfiguration, lock: Range<UInt>) throws(Errno) {
        let controller = try Controller(configuration.settings)
        guard let news = Futex() else {
            controller.destroy()
            throw .outOfMemory
        }
        guard let alarm = Futex() else {
            controller.destroy()
            news.destroy()
            throw .outOfMemory
        }
        guard let sampler = allocate(Sampler.self) else {
            controller.destroy()
            news.destroy()
            alarm.destroy()
            throw .outOfMemory
        }
        sampler.initialize(to: Sampler())
        self.sampler = sampler
        locks = Locks(host: configuration.host.lock, own: lock)
        self.configuration = configuration
        self.controller = controller
        self.news = news
        ticker = Ticker(alarm: alarm)
    }

    mutating func destroy() {
        queue.removeAll()
        controller.destroy()
        news.destroy()
        ticker.alarm.destroy()
        sampler.pointee.closeAll()
        deallocate(sampler)
    }

    var settings: Settings { controller.settings }

    /// Workers that exist or will in a moment.
    var threads: Int { hiredCount + servingCount }

    var stats: PoolStats {
        PoolStats(
            settings: settings, targetThreads: controller.threads, threads: threads, idleThreads: idleCount,
            queueLength: queue.count, running: running, submitted: queue.appended, totals: totals, decisions: controller.log.count,
            tally: controller.tally, beta: controller.beta, smoothedBeta: controller.smoothedBeta.value, occupancy: controller.occupancy,
            seesWaitStates: seesWaitStates, surplus: controller.surplus)
    }
}

/// A pool at one moment.
struct PoolStats {
    let settings: Settings
    let targetThreads: Int
    let threads: Int
    let idleThreads: Int
    let queueLength: Int
    let running: Int
    let submitted: UInt64
    let totals: PoolState.Totals
    let decisions: UInt64
    let tally: Controller.Tally
    let beta: Double?
    let smoothedBeta: Double
    let occupancy: Occupancy?
    let seesWaitStates: Bool
    let surplus: Double?
}
