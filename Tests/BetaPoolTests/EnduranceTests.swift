import Testing

@testable import BetaPoolCore

/// What lasts long, and clocks that do not keep still.
@Suite(.timeLimit(.minutes(2))) struct EnduranceTests {
    private var settings: Settings {
        var settings = Settings(.adaptive, limits: .current())
        settings.maxThreads = 256
        return settings
    }

    /// Tasks of an hour hold their threads; thousands of short ones beside them are served as if they were not there.
    @Test(arguments: [1, 4]) func tasksOfAnHourBesideShortOnes(_ long: Int) throws {
        var left = long
        let plant = Plant(cores: 2, hasLock: true) { _, random in
            guard left == 0 else {
                left -= 1
                return [.wait(3600)]
            }
            return [.compute(Double.random(in: 0.001...0.003, using: &random)), .wait(Double.random(in: 0.01...0.03, using: &random))]
        }
        plant.arrivals = { _ in 100 }
        let course = try Course.run(plant, settings: settings, seconds: 120)
        #expect(course.rate(from: 5, to: 120) >= 95)
        #expect(plant.queueLength <= 20)
        #expect(course.meanCount(from: 5) <= Double(24 + long))
    }

    /// The caller's clock goes back, leaps by years, stands still: each tick decides, within the limits, and when the clock goes on as it
    /// should so does the controller.
    @Test func clocksThatJump() throws {
        var random = SeededGenerator(seed: 7)
        try withController(settings) { controller in
            var now = 1000.0
            var threads = 1
            func tick() {
                var load = Load(queueLength: 1, started: UInt64(threads), completed: 0)
                load.peakBusy = threads
                load.occupancy = Occupancy(running: 0, contending: 0, waiting: Double(threads))
                let decision = controller.tick(now: now, load: load)
                threads = decision.threads
                #expect((1...256).contains(threads) && decision.smoothedBeta.isFinite)
            }
            for _ in 0..<2000 {
                now += [0.1, 0.1, 0, -0.1, -3600, 3600, 1e8, -1e8, 1e-9].randomElement(using: &random)!
                tick()
            }
            threads = controller.threads
            for _ in 0..<100 {
                now += 0.1
                tick()
            }
            #expect(threads == 256)
        }
    }
}
