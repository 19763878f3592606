import CSystem

/// Looks at what the busy workers are doing. It belongs to the ticker's thread alone: its descriptors need no lock.
///
/// Its cost is bounded, whatever the number of workers: each sample reads a few of them, in turn, out of the `slotCount` nearest.
/// Workers take tasks from one queue, so those are as good as any.
struct Sampler: ~Copyable {
    /// Threads to read in a sample, where nobody knows what a read costs.
    static let usualReads = 16
    static let slotCount = 64

    private struct Slot {
        var thread: Int32 = 0
        var probe: WaitProbe?
    }

    private var slots = InlineArray<64, Slot>(repeating: Slot())
    private var turn = 0
    private var sum = Occupancy()
    /// Counted in doubles, for a host may sample without end: an Int of 32 bits would run over.
    private var samples = 0.0
    /// Of samples with somebody to look at: those that showed something, and those that did not.
    private var looks = 0.0
    private var failures = 0.0
    /// Whether the last looks, up to the last `take`, showed what the workers were doing. False before the first one.
    private(set) var seesWaitStates = false

    /// The threads of busy workers, as many as are of interest.
    struct Crew {
        var threads = InlineArray<64, Int32>(repeating: 0)
        var count = 0
        /// How many are busy in all.
        var busy = 0
    }

    mutating func sample(_ crew: borrowing Crew, reads: Int = usualReads, locks: Locks) {
        var seen = Occupancy()
        let reads = min(crew.count, reads)
        for index in 0..<reads {
            switch state(of: crew.threads[(turn + index) % crew.count], locks) {
            case .running: seen.running += 1
            case .contending: seen.contending += 1
            case .waiting: seen.waiting += 1
            case nil: break
            }
        }
        turn = crew.count > 0 ? (turn + reads) % crew.count : 0
        if seen.busy > 0 {
            // Those read stand for all that are busy.
            sum = sum.plus(seen, times: Double(crew.busy) / seen.busy)
            samples += 1
            looks += 1
        } else if crew.busy == 0 {
            samples += 1
        } else {
            failures += 1
        }
    }

    /// The mean since the last call; nil if wait states could not be read.
    mutating func take() -> Occupancy? {
        defer {
            sum = Occupancy()
            samples = 0
            looks = 0
            failures = 0
        }
        if looks + failures > 0 { seesWaitStates = looks >= failures }
        guard samples > 0, looks >= failures else { return nil }
        return Occupancy().plus(sum, times: 1 / samples)
    }

    mutating func closeAll() {
        for index in 0..<Self.slotCount { fill(index, Slot()) }
    }

    /// The slot no longer knows a descriptor when that is closed: a child forked in between leaves one open, and closes nobody else's.
    private mutating func fill(_ index: Int, _ slot: Slot) {
        let previous = slots[index].probe
        slots[index] = slot
        previous?.close()
    }

    private mutating func state(of thread: Int32, _ locks: Locks) -> WaitState? {
        if thread == csystem_thread_id() { return .running }  // and about to read its own file
        let index = Int(thread) & (Self.slotCount - 1)
        if slots[index].thread == thread, let state = slots[index].probe?.read(locks) { return state }
        fill(index, Slot(thread: thread, probe: WaitProbe(thread: thread)))
        return slots[index].probe?.read(locks)
    }
}

extension Pool {
    /// Takes one sample. The lock must not be held.
    func takeSample(_ sampler: inout Sampler, reads: Int) {
        lock()
        let crew = busyWorkers
        let locks = state.pointee.locks
        state.pointee.peakBusy = max(state.pointee.peakBusy, crew.busy)
        unlock()
        if locks.areKnown { sampler.sample(crew, reads: reads, locks: locks) }
    }

    private var busyWorkers: Sampler.Crew {
        var crew = Sampler.Crew()
        crew.busy = state.pointee.servingCount - state.pointee.idleCount
        var next = state.pointee.serving
        var steps = 0
        while let worker = next, crew.count < Sampler.slotCount, steps < 4 * Sampler.slotCount {
            next = worker.pointee.next
            steps += 1
            guard !worker.pointee.isParked else { continue }
            crew.threads[crew.count] = worker.pointee.thread
            crew.count += 1
        }
        return crew
    }
}
