/// When to take samples, and when to tick; and how many threads to look at, so that all of it stays below a share of one core.
struct Rhythm {
    /// Of one core, for the ticker's thread. What is left to half a percent is for whoever starts threads.
    private static let budget = 0.004
    /// Threads to look at between two ticks. To be woken and to read a file that is not in the core's cache take tens of microseconds on a
    /// small machine, so that fewer looks of more threads each come cheaper.
    private static let looks = 16.0...80.0
    private static let looksPerSample = 8.0
    private static let samplesPerTick = 2.0...5.0
    /// Seconds after which the number of cores is asked for again: affinity and quotas change.
    private static let coresInterval = 5.0

    private(set) var nextSample = 0.0
    private(set) var cores = 1.0
    private var looks = Self.looks.upperBound
    private var interval = 0.0
    private var nextTick = 0.0
    private var nextCores = 0.0
    private var jitter: UInt32 = 1
    private var last = (time: 0.0, cpu: 0.0)

    private var samples: Double { (looks / Self.looksPerSample).clamped(to: Self.samplesPerTick) }

    /// Threads to look at in one sample.
    var reads: Int { Int(looks / samples) }

    /// cpu: seconds that the ticker's thread has used; nil if that is not known.
    mutating func begin(now: Double, interval: Double, cpu: Double?) {
        self.interval = interval
        nextTick = now + interval
        scheduleSample(now: now)
        lookAtCores(now: now)
        if let cpu { keepToBudget(now: now, cpu: cpu) }
    }

    /// Whether it is time; if not, when the next sample is.
    mutating func isTickDue(now: Double) -> Bool {
        guard now >= nextSample else { return false }
        if now >= nextTick - interval / (4 * samples) { return true }
        scheduleSample(now: now)
        return false
    }

    /// Not in step with anything that the tasks do.
    private mutating func scheduleSample(now: Double) {
        jitter = jitter &* 1_664_525 &+ 1_013_904_223
        let factor = 0.75 + 0.5 * Double(jitter >> 8) / Double(1 << 24)
        nextSample = min(now + factor * interval / samples, max(nextTick, now))
    }

    private mutating func lookAtCores(now: Double) {
        guard now >= nextCores else { return }
        cores = Limits.current().cores
        nextCores = now + Self.coresInterval
    }

    /// Slowly: in the first second, when all is to be found out, there is no better use of the time.
    private mutating func keepToBudget(now: Double, cpu: Double) {
        let share = (cpu - last.cpu) / (now - last.time)
        last = (now, cpu)
        looks = (looks * (share > Self.budget ? 0.94 : 1.02)).clamped(to: Self.looks)
    }
}
