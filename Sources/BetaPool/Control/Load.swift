/// What busy threads were doing during an interval: mean numbers of threads, from samples.
struct Occupancy {
    /// On a core, or queued for one.
    var running = 0.0
    /// Asleep on a lock that serialises the threads: the host's, or the pool's own.
    var contending = 0.0
    /// Asleep in anything else.
    var waiting = 0.0

    var busy: Double { running + contending + waiting }

    /// The blocking ratio that contention does not inflate: the share of busy threads that wait for I/O, not for each other.
    var betaIO: Double? { busy > 0 ? waiting / busy : nil }

    /// Threads that wait for a lock or a core that others of them have: as many could leave, and nothing would slow down.
    func surplus(cores: Double) -> Double {
        contending + max(0, running - cores)
    }

    func plus(_ other: Occupancy, times factor: Double) -> Occupancy {
        Occupancy(
            running: running + other.running * factor, contending: contending + other.contending * factor,
            waiting: waiting + other.waiting * factor)
    }

    /// How many threads do something else than in `other`.
    func distance(to other: Occupancy) -> Double {
        (abs(running - other.running) + abs(contending - other.contending) + abs(waiting - other.waiting)) / 2
    }

    /// Moves a mean of these towards `sample` by `weight`.
    mutating func blend(_ sample: Occupancy, weight: Double) {
        running += (sample.running - running) * weight
        contending += (sample.contending - contending) * weight
        waiting += (sample.waiting - waiting) * weight
    }
}

/// What a controller is told at each tick, apart from the times of tasks.
struct Load {
    /// Tasks that wait for a thread.
    var queueLength: UInt64 = 0
    /// Tasks taken from the queue, ever.
    var started: UInt64 = 0
    /// Tasks finished, ever.
    var completed: UInt64 = 0
    /// The most threads that were busy at once since the last tick.
    var peakBusy = 0
    /// nil where the system does not tell what threads do.
    var occupancy: Occupancy?
    /// Cores there are, and how many of them the threads can keep busy: 1 behind a lock that all must hold.
    var cores = 1.0
    var capacity = 1.0
    /// CPU seconds per second that the threads used since the last tick; the controller fills it in from the times reported to it.
    var cpuRate = 0.0
}
