import Glibc
import Testing

@testable import BetaPoolCore

/// Algorithm 1, written down a second time straight from the paper, to hold the first against.
private struct Reference {
    let settings: Settings
    var n: Int
    var ewma = 0.5
    var cUp = 0
    var vetoed = false

    init(_ settings: Settings) {
        self.settings = settings
        n = settings.minThreads
    }

    mutating func tick(tasks: [(cpu: Double, wall: Double)], queue: UInt64) {
        let cpu = tasks.reduce(0) { $0 + $1.cpu }
        let wall = tasks.reduce(0) { $0 + $1.wall }
        if wall > 0 { ewma = settings.alpha * (1 - cpu / wall) + (1 - settings.alpha) * ewma }
        vetoed = queue > 0 && !(ewma > settings.betaThreshold)
        if vetoed { cUp = 0 }
        if queue > 0 && !vetoed { cUp += 1 }
        if queue > 0 && !vetoed && cUp >= settings.hysteresis {
            n = min(n + 1, settings.maxThreads)
            cUp = 0
        }
        if queue == 0 && n > settings.minThreads { n -= 1 }
    }
}

@Suite struct PaperPolicyTests {
    @Test func followsTheRecurrenceBitForBit() throws {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<3000 {
            var settings = paperSettings()
            settings.minThreads = .random(in: 1...8, using: &random)
            settings.maxThreads = settings.minThreads + .random(in: 0...12, using: &random)
            settings.hysteresis = .random(in: 1...5, using: &random)
            settings.alpha = .random(in: 0.01...1, using: &random)
            settings.betaThreshold = .random(in: 0...1, using: &random)
            var reference = Reference(settings)
            try withController(settings) { controller in
                for tick in 0..<60 {
                    let tasks = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                        let wall = Double.random(in: 0...0.5, using: &random)
                        return (cpu: wall * .random(in: 0...1, using: &random), wall: wall)
                    }
                    let queue = Bool.random(using: &random) ? UInt64.random(in: 1...9, using: &random) : 0
                    for task in tasks { controller.report(cpu: task.cpu, wall: task.wall) }
                    let decision = controller.tick(now: Double(tick), load: Load(queueLength: queue))
                    reference.tick(tasks: tasks, queue: queue)
                    #expect(decision.threads == reference.n)
                    #expect(decision.smoothedBeta == reference.ewma)
                    #expect((decision.action == .veto) == reference.vetoed)
                }
            }
        }
    }

    @Test func ewmaHasTheClosedForm() throws {
        var random = SeededGenerator(seed: 2)
        try withController(paperSettings()) { controller in
            let alpha = controller.settings.alpha
            var samples: [Double] = []
            for k in 1...200 {
                let beta = Double.random(in: 0...1, using: &random)
                controller.report(cpu: 1 - beta, wall: 1)
                samples.append(1 - (1 - beta) / 1)
                let decision = controller.tick(now: Double(k), load: Load(queueLength: 0))
                var closed = pow(1 - alpha, Double(k)) * 0.5
                for j in 0..<k { closed += alpha * pow(1 - alpha, Double(j)) * samples[k - 1 - j] }
                #expect(abs(decision.smoothedBeta - closed) < 1e-12)
            }
        }
    }

    /// The time constant: after a step, 1/e of the distance is left at t = tau = -dt/ln(1 - alpha) = 2.24 s.
    @Test func timeConstantIsThePapers() throws {
        let settings = paperSettings()
        let tau = -settings.interval / log(1 - settings.alpha)
        #expect(abs(tau - 2.24) < 0.005)
        try withController(settings) { controller in
            var previous = 0.5
            for k in 1...40 {
                controller.report(cpu: 1, wall: 1)
                let now = controller.tick(now: Double(k), load: Load(queueLength: 0)).smoothedBeta
                // Exponential decay with that tau, at every tick.
                #expect(abs(now / previous - exp(-settings.interval / tau)) < 1e-12)
                previous = now
            }
        }
    }

    /// Exactly at the threshold the veto holds: growth needs beta above it.
    @Test func vetoesExactlyAtTheThreshold() throws {
        var settings = paperSettings()
        settings.alpha = 1
        settings.betaThreshold = 0.25
        settings.hysteresis = 1
        try withController(settings) { controller in
            controller.report(cpu: 3, wall: 4)
            let at = controller.tick(now: 0, load: Load(queueLength: 5))
            #expect(at.smoothedBeta == 0.25)
            #expect(at.action == .veto)
            controller.report(cpu: 2.999, wall: 4)
            #expect(controller.tick(now: 1, load: Load(queueLength: 5)).action == .scaleUp)
        }
    }

    @Test func anIntervalWithoutTasksHoldsTheMean() throws {
        try withController(paperSettings()) { controller in
            controller.report(cpu: 0.9, wall: 1)
            let before = controller.tick(now: 0, load: Load(queueLength: 0))
            let after = controller.tick(now: 1, load: Load(queueLength: 0))
            #expect(before.beta != nil)
            #expect(after.beta == nil)
            #expect(after.smoothedBeta == before.smoothedBeta)
        }
    }

    /// An empty queue between two long ones does not reset c_up, so a queue that alternates still grows the pool.
    @Test func anAlternatingQueueStillCounts() throws {
        var settings = paperSettings()
        settings.minThreads = 1
        try withController(settings) { controller in
            let threads = (0..<5).map { tick in
                controller.report(cpu: 0, wall: 1)
                return controller.tick(now: Double(tick), load: Load(queueLength: tick % 2 == 0 ? 3 : 0)).threads
            }
            #expect(threads == [1, 1, 1, 1, 2])  // c_up: 1 1 2 2 3
        }
    }

    /// Theorem 2: under sustained load the count never falls. Theorem 3: it is bounded, so it settles; at the first N whose blocking ratio
    /// is not above the threshold, if beta falls with N.
    @Test func growsMonotonicallyAndConverges() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<300 {
            var settings = paperSettings()
            settings.minThreads = .random(in: 1...4, using: &random)
            settings.maxThreads = .random(in: 8...64, using: &random)
            let knee = Double.random(in: 1...80, using: &random)
            try withController(settings) { controller in
                var last = controller.threads
                for tick in 0..<1500 {
                    let beta = min(1, knee / Double(controller.threads) * 0.3)
                    controller.report(cpu: 1 - beta, wall: 1)
                    let decision = controller.tick(now: Double(tick), load: Load(queueLength: 10))
                    #expect(decision.threads >= last)
                    last = decision.threads
                }
                // Saturated from N > knee on (beta = 0.3 at N = knee); one step beyond is all that the lag of the mean may add.
                let settled = min(max(Int(knee.rounded(.up)), settings.minThreads), settings.maxThreads)
                #expect(last >= min(settled, settings.maxThreads) - 1)
                #expect(last <= min(settled + 2, settings.maxThreads))
            }
        }
    }

    @Test func cpuBoundWorkStaysAtTheMinimum() throws {
        try withController(paperSettings()) { controller in
            for tick in 0..<100 {
                controller.report(cpu: 0.95, wall: 1)
                // Only the start value of the mean, 0.5, lets growth be considered; it is below the threshold before H is reached twice.
                #expect(controller.tick(now: Double(tick), load: Load(queueLength: 50)).threads <= 5)
            }
            #expect(controller.tally.vetoes > 90)
        }
    }

    /// Theorem 1: a tick costs the same whatever the thread count and the number of tasks; nothing is kept but two sums.
    @Test func keepsTwoSumsOnly() {
        #expect(MemoryLayout<Monitor>.size == 2 * MemoryLayout<Double>.size)
    }

    @Test func refusesSettingsOutOfRange() {
        let mistakes: [(inout Settings) -> Void] = [
            { $0.minThreads = 0 }, { $0.minThreads = 65 }, { $0.maxThreads = 65537 }, { $0.hysteresis = 0 },
            { $0.betaThreshold = -0.1 }, { $0.betaThreshold = 1.1 }, { $0.betaThreshold = .nan },
            { $0.alpha = 0 }, { $0.alpha = 1.1 }, { $0.alpha = .nan }, { $0.interval = 0 }, { $0.interval = .infinity },
            { $0.interval = .nan },
        ]
        for mistake in mistakes {
            var settings = paperSettings()
            mistake(&settings)
            #expect(throws: Errno.self) { try Controller(settings) }
        }
    }
}
