import CSystem

/// Seconds, on clocks of this system.
enum Clock {
    /// A clock that never goes back. Reading it costs no system call.
    static func now() -> Double {
        read(CLOCK_MONOTONIC)
    }

    /// CPU time of the calling thread. Reading it costs a system call.
    static func threadCPU() -> Double {
        read(CLOCK_THREAD_CPUTIME_ID)
    }

    fileprivate static func read(_ id: clockid_t) -> Double {
        var time = timespec()
        guard clock_gettime(id, &time) == 0 else { return 0 }
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

/// The CPU clock of one thread, readable by every other thread of the process.
struct ThreadCPUClock {
    private let id: clockid_t

    /// The clock of the calling thread, or nil if the system has none for it.
    static func ofCallingThread() -> ThreadCPUClock? {
        var id = clockid_t()
        guard pthread_getcpuclockid(pthread_self(), &id) == 0 else { return nil }
        return ThreadCPUClock(id: id)
    }

    /// Seconds of CPU used. Only while the thread lives.
    func read() -> Double {
        Clock.read(id)
    }
}

extension timespec {
    /// A time span. Anything above 60 years counts as 60 years: nobody waits longer, and a time_t of 32 bits cannot say more.
    init(seconds: Double) {
        let bounded = min(max(seconds, 0), 2e9)
        let whole = Int(bounded)
        self.init(tv_sec: time_t(whole), tv_nsec: Int((bounded - Double(whole)) * 1e9))
    }
}
