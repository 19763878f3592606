import Testing

@testable import BetaPoolCore

private func adaptive(maxThreads: Int = 4096) -> Settings {
    var settings = Settings(.adaptive, limits: .current())
    settings.maxThreads = maxThreads
    return settings
}

/// Stage times that vary as real ones do.
private func vary(_ mean: Double, _ random: inout SeededGenerator) -> Double {
    mean * Double.random(in: 0.5...1.5, using: &random)
}

@Suite(.timeLimit(.minutes(2))) struct AdaptivePolicyTests {
    /// Compute and wait behind one lock: the knee is at about 1 + wait/compute.
    @Test(arguments: [(0.010, 0.050), (0.002, 0.020), (0.001, 0.060), (0.010, 0.005), (0.005, 0.200)])
    func findsTheKneeBehindALock(_ compute: Double, _ wait: Double) throws {
        let plant = Plant(cores: 2, hasLock: true) { _, random in [.compute(vary(compute, &random)), .wait(vary(wait, &random))] }
        let course = try Course.run(plant, settings: adaptive(), seconds: 20)
        let bound = 1 / compute
        #expect(course.rate(from: 5, to: 20) >= 0.97 * bound)
        #expect(course.meanCount(from: 5) <= 2 * (1 + wait / compute) + 4)
    }

    /// Without a lock the cores are the bottleneck: 1 to 64 of them.
    @Test(arguments: [1, 2, 4, 16, 64])
    func findsTheKneeInFrontOfCores(_ cores: Int) throws {
        let plant = Plant(cores: cores, hasLock: false) { _, random in [.compute(vary(0.020, &random)), .wait(vary(0.060, &random))] }
        let course = try Course.run(plant, settings: adaptive(), seconds: 12)
        let bound = Double(cores) / 0.020
        #expect(course.rate(from: 4, to: 12) >= 0.97 * bound)
        #expect(course.meanCount(from: 4) <= 2 * 4 * Double(cores) + 4)
    }

    /// Turns of the lock of a tenth of a millisecond, and each begins later for every thread that waits: what the rule wants in front of the lock
    /// is too much. Without that cost it is not, and half as many threads are tried in vain.
    @Test(arguments: [0, 15e-6]) func triesFewerThreadsWhereTurnsAreShort(_ convoyCost: Double) throws {
        func plant() -> Plant {
            Plant(cores: 2, hasLock: true, convoyCost: convoyCost) { _, random in
                [.compute(vary(100e-6, &random)), .wait(vary(200e-6, &random))]
            }
        }
        let best = (1...16).map { threads in
            let still = plant()
            still.setThreads(threads)
            still.run(until: 1)
            return Double(still.completed)
        }.max()!
        let course = try Course.run(plant(), settings: adaptive(), seconds: 8)
        #expect(course.rate(from: 2, to: 8) >= (convoyCost > 0 ? 0.95 : 0.98) * best)
        #expect(course.meanCount(from: 2) <= (convoyCost > 0 ? 6 : 16))
        #expect(course.decisions.contains { $0.why.reason == .lookingDown })
        #expect(course.decisions.contains { $0.why.reason == .shortTurns } == (convoyCost > 0))
    }

    /// What was found of short turns stands for ten seconds, but not for other work.
    @Test func forgetsShortTurnsWhenTheWorkChanges() throws {
        let plant = Plant(cores: 2, hasLock: true, convoyCost: 15e-6) { now, random in
            now < 4 ? [.compute(vary(100e-6, &random)), .wait(vary(200e-6, &random))] : [.compute(50e-6), .wait(vary(0.05, &random))]
        }
        let course = try Course.run(plant, settings: adaptive(maxThreads: 128), seconds: 7)
        #expect(course.decisions.contains { $0.why.reason == .shortTurns })
        #expect(course.counts(from: 6).allSatisfy { $0 > 64 })
    }

    @Test func triesNoFewerThreadsThanThereMayBe() throws {
        let plant = Plant(cores: 2, hasLock: true, convoyCost: 15e-6) { _, random in
            [.compute(vary(100e-6, &random)), .wait(vary(200e-6, &random))]
        }
        var settings = adaptive()
        settings.minThreads = 6
        let course = try Course.run(plant, settings: settings, seconds: 4)
        #expect(!course.decisions.contains { $0.why.reason == .lookingDown })
    }

    /// Turns are long, or many threads are in I/O.
    @Test(arguments: [(0.002, 0.004), (50e-6, 1e-3)]) func triesNoFewerThreadsElsewhere(_ compute: Double, _ wait: Double) throws {
        let plant = Plant(cores: 2, hasLock: true) { _, random in [.compute(vary(compute, &random)), .wait(vary(wait, &random))] }
        let course = try Course.run(plant, settings: adaptive(), seconds: 6)
        #expect(!course.decisions.contains { $0.why.reason == .lookingDown })
    }

    @Test(arguments: [true, false]) func computingAloneNeedsFewThreads(_ hasLock: Bool) throws {
        let plant = Plant(cores: 4, hasLock: hasLock, convoyCost: 20e-6) { _, random in [.compute(vary(0.01, &random))] }
        let course = try Course.run(plant, settings: adaptive(), seconds: 10)
        #expect(course.counts(from: 3).allSatisfy { $0 <= (hasLock ? 3 : 6) })
        #expect(course.rate(from: 2, to: 10) >= 0.98 * (hasLock ? 100 : 400))
    }

    /// Waiting alone: as many threads as allowed, in doublings.
    @Test func waitingAloneGetsAllThreads() throws {
        let plant = Plant(cores: 2, hasLock: true) { _, random in [.compute(20e-6), .wait(vary(0.02, &random))] }
        let course = try Course.run(plant, settings: adaptive(maxThreads: 256), seconds: 4)
        #expect(course.counts(from: 1.5).allSatisfy { $0 == 256 })
    }

    /// Something outside serves 8 at a time. Wait states show I/O only; completions per second show the knee.
    @Test(arguments: [8, 9, 12, 30]) func seesABottleneckOutside(_ servers: Int) throws {
        let plant = Plant(cores: 2, hasLock: true, outsideServers: servers) { _, random in
            [.compute(0.0002), .outside(vary(0.05, &random))]
        }
        let course = try Course.run(plant, settings: adaptive(), seconds: 30)
        let bound = Double(servers) / 0.05
        #expect(course.rate(from: 5, to: 30) >= 0.97 * bound)
        #expect(course.meanCount(from: 5) <= 2 * Double(servers))
    }

    /// The service outside gets faster, and slower again.
    @Test func looksAgainWhetherTheKneeHasMoved() throws {
        let plant = Plant(cores: 2, hasLock: true, outsideServers: 8) { _, random in [.compute(0.0002), .outside(vary(0.05, &random))] }
        let course = try Course.run(plant, settings: adaptive(), seconds: 100) { time, plant in
            plant.setOutsideServers(time < 30 || time >= 65 ? 8 : 32)
        }
        #expect(course.rate(from: 55, to: 65) >= 0.95 * 640)
        #expect(course.meanCount(from: 55, to: 65) <= 64)
    }

    /// I/O, then computing, then I/O: there within two seconds each time.
    @Test func followsShifts() throws {
        let plant = Plant(cores: 2, hasLock: true) { now, random in
            now > 6 && now < 12 ? [.compute(vary(0.005, &random))] : [.compute(0.0002), .wait(vary(0.05, &random))]
        }
        let course = try Course.run(plant, settings: adaptive(maxThreads: 200), seconds: 20)
        #expect(course.meanCount(from: 4, to: 6) > 100)
        #expect(course.counts(from: 8.5, to: 12).allSatisfy { $0 <= 4 })
        #expect(course.rate(from: 14.1, to: 20) >= 0.95 * course.rate(from: 3, to: 6))
    }

    /// Most tasks are short and a few are long.
    @Test func copesWithBimodalTasks() throws {
        let plant = Plant(cores: 2, hasLock: true) { _, random in
            Int.random(in: 0..<20, using: &random) == 0
                ? [.compute(0.05), .wait(0.3)] : [.compute(vary(0.001, &random)), .wait(vary(0.02, &random))]
        }
        let course = try Course.run(plant, settings: adaptive(), seconds: 30)
        let bound = 1 / (0.05 / 20 + 0.001 * 19 / 20)
        #expect(course.rate(from: 5, to: 30) >= 0.96 * bound)
    }

    /// New threads take a while to get going, as they do in front of busy cores, and one task in eight is long: until first tasks end, growth
    /// seems to bring nothing. Who judges it then stands at a few threads for seconds.
    @Test func waitsForNewThreads() throws {
        var rates = 0.0
        for seed in 1...6 as ClosedRange<UInt64> {
            let plant = Plant(cores: 2, hasLock: false, threadStart: 0.1, seed: seed) { _, random in
                [.compute(0.0005), .wait(Int.random(in: 0..<8, using: &random) == 0 ? 0.2 : 0.01)]
            }
            rates += try Course.run(plant, settings: adaptive(maxThreads: 600), seconds: 2).rate(from: 0.5, to: 2)
        }
        #expect(rates / 6 >= 0.85 * 2 / 0.0005)
    }

    /// One task in four is thirty times as long as the others: completions vary more than a Poisson process would, and who takes that for the
    /// noise of a comparison stands at a few threads for seconds.
    @Test(arguments: 1...8 as ClosedRange<UInt64>) func takesMixedSizesForNoCeiling(_ seed: UInt64) throws {
        let plant = Plant(cores: 2, hasLock: false, threadStart: 0.1, seed: seed) { _, random in
            [.compute(0.0005), .wait(Int.random(in: 0..<4, using: &random) == 0 ? 0.3 : 0.01)]
        }
        let course = try Course.run(plant, settings: adaptive(maxThreads: 600), seconds: 10)
        #expect(course.rate(from: 1, to: 10) >= 0.8 * 2 / 0.0005)
    }

    /// Tasks that arrive by themselves, at half of what the lock can do: no more threads than they can use, and none are kept waiting.
    @Test func servesOpenLoads() throws {
        let plant = Plant(cores: 2, hasLock: true) { _, random in [.compute(vary(0.005, &random)), .wait(vary(0.05, &random))] }
        plant.arrivals = { _ in 100 }
        let course = try Course.run(plant, settings: adaptive(), seconds: 30)
        #expect(course.rate(from: 5, to: 30) >= 95)
        #expect(plant.queueLength <= 20)
        #expect(course.meanCount(from: 5) <= 24)
    }

    @Test func servesBursts() throws {
        let plant = Plant(cores: 2, hasLock: true) { _, random in [.compute(vary(0.002, &random)), .wait(vary(0.05, &random))] }
        plant.arrivals = { now in now.truncatingRemainder(dividingBy: 4) < 1 ? 400 : 20 }
        _ = try Course.run(plant, settings: adaptive(), seconds: 40)
        #expect(plant.queueLength < 10)
        #expect(plant.meanQueueLength < 10)
    }

    /// In the steady state the count does not wander: no move undoes another again and again.
    @Test func doesNotHunt() throws {
        let plant = Plant(cores: 2, hasLock: true) { _, random in [.compute(vary(0.004, &random)), .wait(vary(0.06, &random))] }
        let course = try Course.run(plant, settings: adaptive(), seconds: 30)
        let steady = course.counts(from: 10)
        let moves = zip(steady, steady.dropFirst()).filter { $0 != $1 }.count
        #expect(moves <= steady.count / 10)
        #expect(Double(steady.max()!) <= 1.6 * Double(steady.min()!))
    }

    /// Where wait states cannot be read, CPU use and completions must do.
    @Test func worksBlind() throws {
        let plant = Plant(cores: 2, hasLock: false) { _, random in [.compute(vary(0.005, &random)), .wait(vary(0.05, &random))] }
        let course = try Course.run(plant, settings: adaptive(), seconds: 20, isBlind: true)
        #expect(course.rate(from: 5, to: 20) >= 0.9 * 400)
        #expect(course.meanCount(from: 5) <= 100)
    }

    /// Tasks wait, none is taken, and nobody computes: they may wait for each other. Whatever else was found out, threads are added.
    @Test func relievesStarvation() throws {
        try withController(adaptive(maxThreads: 64)) { controller in
            var threads = 1
            for tick in 0..<40 {
                var load = Load(queueLength: 1, started: UInt64(threads), completed: 0)
                load.peakBusy = threads
                load.occupancy = Occupancy(running: 0, contending: 0, waiting: Double(threads))
                threads = controller.tick(now: Double(tick) * 0.1, load: load).threads
            }
            #expect(threads == 64)
        }
    }
}
