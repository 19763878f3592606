import Synchronization

/// Tasks that a worker has taken from the queue at once, to run one after the other without the lock.
///
/// A lock taken once for many short tasks costs less than a lock-free queue, which moves cache lines between cores for each; and a thread
/// that is preempted in between holds nobody up. But a task must not wait behind another while somebody could run it. So claims are for some
/// microseconds of work, what has not started can be recalled to the queue, and three rules hold:
///
/// - Nobody claims more than one task while a worker is asleep, or could be started.
/// - A worker recalls all claims before it sleeps. So while anybody sleeps, all tasks that have not started are in the queue.
/// - While all are busy, claims that are overdue are recalled by whoever comes to the queue.
struct Claim {
    /// Seconds of work that a claim should be.
    private static let worth = 20e-6
    /// Seconds after which it is overdue.
    fileprivate static let patience = 1e-3

    /// All but the first, which its owner takes along.
    var others: ClaimedTasks
    /// When it was made.
    var began = 0.0
    /// Tasks of it that count as claimed in the pool's sum.
    fileprivate var counted = 0
    /// Tasks of it that count as completed in the pool's totals.
    fileprivate var completed = 0
    /// How many tasks to claim next time.
    private var size = 1

    init(progress: UnsafeMutablePointer<Atomic<Int>>) {
        others = ClaimedTasks(progress: progress)
    }

    /// What to claim of `queued` tasks that are for `workers`.
    fileprivate mutating func share(of queued: Int, workers: Int) -> Int {
        guard size > 1, others.haveRoom() else { return 1 }
        return max(min(size, queued / workers), 1)
    }

    /// Learns from `count` tasks that took some seconds.
    fileprivate mutating func learn(count: Int, seconds: Double) {
        let next = seconds * Double(size), limit = Self.worth * Double(count)
        if next > limit {
            size = seconds > limit ? 1 : size / 2
        } else if next * 2 <= limit {
            size = min(size * 2, ClaimedTasks.most + 1)
        }
    }
}

/// The part of a claim that its owner uses without the lock. A copy is the same tasks.
struct ClaimedTasks {
    static let most = 63

    /// Minus the number of tasks that have not started; not negative once all have.
    private let progress: UnsafeMutablePointer<Atomic<Int>>
    /// Memory is had only by who needs it: a worker that runs one task after the other, or is asleep, has none.
    private var tasks: UnsafeMutablePointer<Task>?
    private var count = 0

    fileprivate init(progress: UnsafeMutablePointer<Atomic<Int>>) {
        progress.initialize(to: Atomic(0))
        self.progress = progress
    }

    /// Whether there is memory for them, with the lock held.
    fileprivate mutating func haveRoom() -> Bool {
        if tasks == nil { tasks = allocate(Task.self, count: Self.most) }
        return tasks != nil
    }

    /// With the lock held, when all have started.
    mutating func giveRoomBack() {
        guard let tasks else { return }
        deallocate(tasks)
        self.tasks = nil
        count = 0
    }

    /// By the owner, with the lock held.
    fileprivate mutating func take(_ number: Int, from queue: inout TaskQueue) {
        count = number
        guard number > 0, let tasks else { return }
        queue.pop(number, to: tasks)
        progress.pointee.store(0 &- number, ordering: .releasing)
    }

    /// By the owner, without the lock.
    @inline(__always)
    func run() {
        guard count > 0, let tasks else { return }
        let end = tasks + count
        while true {
            let next = progress.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
            guard next < 0 else { return }
            end[next].run()
        }
    }

    /// Puts what has not started back to the head of the queue, which must have room. With the lock held. Returns how many have started.
    fileprivate mutating func recall(to queue: inout TaskQueue) -> Int {
        guard count > 0, let tasks else { return 0 }
        let end = tasks + count
        let left = max(0 &- progress.pointee.exchange(0, ordering: .acquiringAndReleasing), 0)
        for index in 0..<left { queue.pushFirst(end[-1 - index]) }
        count -= left
        return count
    }
}

extension Pool {
    /// Claims tasks, if there are any. Returns the first.
    func claim(by worker: Worker) -> Task? {
        recallOverdueClaims(now: worker.pointee.claim.began)
        guard let first = state.pointee.queue.pop() else { return nil }
        let queued = state.pointee.queue.count + 1
        let count = couldOthersCome ? 1 : worker.pointee.claim.share(of: queued, workers: state.pointee.servingCount)
        worker.pointee.claim.others.take(count - 1, from: &state.pointee.queue)
        worker.pointee.claim.counted = count - 1
        worker.pointee.claim.completed = 0
        state.pointee.claimed += count - 1
        return first
    }

    /// The worker has run what it claimed.
    func concludeClaim(of worker: Worker, now: Double) {
        let started = recall(worker)
        complete(started, of: worker)
        worker.pointee.claim.learn(count: started, seconds: now - worker.pointee.claim.began)
        worker.pointee.claim.began = now
    }

    /// Takes back all tasks that were claimed and have not started.
    @inline(never)
    func recallClaims(since latest: Double = .infinity) {
        guard state.pointee.claimed > 0 else { return }
        var next = state.pointee.serving
        while let worker = next {
            next = worker.pointee.next
            guard worker.pointee.claim.counted > 0, worker.pointee.claim.began <= latest else { continue }
            complete(recall(worker) - 1, of: worker)
        }
    }

    private func recallOverdueClaims(now: Double) {
        guard state.pointee.claimed > 0, now > state.pointee.nextRecall else { return }
        state.pointee.nextRecall = now + Claim.patience
        recallClaims(since: now - Claim.patience)
    }

    /// Returns how many tasks of the claim have started.
    @inline(never)
    private func recall(_ worker: Worker) -> Int {
        state.pointee.claimed -= worker.pointee.claim.counted
        worker.pointee.claim.counted = 0
        return 1 + worker.pointee.claim.others.recall(to: &state.pointee.queue)
    }

    private func complete(_ count: Int, of worker: Worker) {
        state.pointee.totals.completed += UInt64(count - worker.pointee.claim.completed)
        worker.pointee.claim.completed = count
    }

    private var couldOthersCome: Bool {
        guard state.pointee.threads >= state.pointee.controller.threads else { return true }
        guard let first = state.pointee.idle else { return false }
        return first.pointee.nextWaiting != nil || !first.pointee.isOnLookout
    }
}
