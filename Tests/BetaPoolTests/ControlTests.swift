import Testing

@testable import BetaPoolCore

@Suite struct ControlTests {
    /// eq. 3 is weighted by time: one long task counts for more than many short ones.
    @Test func betaIsWeightedByTime() {
        var monitor = Monitor()
        monitor.add(cpu: 0, wall: 9)
        for _ in 0..<10 { monitor.add(cpu: 0.1, wall: 0.1) }
        #expect(abs(monitor.takeBeta()! - 0.9) < 1e-12)
        #expect(monitor.takeBeta() == nil)
    }

    @Test func fixedNeverMoves() throws {
        var settings = Settings(.fixed, limits: .current())
        settings.maxThreads = 17
        try withController(settings) { controller in
            for tick in 0..<20 {
                controller.report(cpu: Double(tick % 2), wall: 1)
                let decision = controller.tick(now: Double(tick), load: Load(queueLength: UInt64(tick % 3) * 100))
                #expect(decision.threads == 17)
                #expect(decision.action == .hold)
            }
        }
    }

    @Test func resizingMovesTheCountInside() throws {
        try withController(paperSettings()) { controller in
            try controller.resize(minThreads: 10, maxThreads: 20)
            #expect(controller.threads == 10)
            try controller.resize(minThreads: 1, maxThreads: 3)
            #expect(controller.threads == 3)
            #expect(throws: Errno.self) { try controller.resize(minThreads: 4, maxThreads: 3) }
            #expect(controller.settings.maxThreads == 3)
        }
    }

    @Test func logKeepsTheNewest() throws {
        try withController(paperSettings()) { controller in
            for tick in 1...1000 { _ = controller.tick(now: Double(tick), load: Load(queueLength: 0)) }
            var numbers: [UInt64] = []
            controller.log.forEach(newest: .max) { numbers.append($0.number) }
            #expect(numbers == Array(745...1000))
            numbers = []
            controller.log.forEach(newest: 3) { numbers.append($0.number) }
            #expect(numbers == [998, 999, 1000])
            controller.log.forEach(newest: 0) { _ in Issue.record("asked for none") }
        }
    }

    @Test func reasonsAreSentences() {
        #expect(
            Text.string { Why(.cpuSaturated, 0.118, 0.3).write(to: &$0) }
                == "beta 0.12 is not above 0.3: the CPU is saturated, growth refused")
        #expect(
            Text.string { Why(.blocking, 2, 3).write(to: &$0) }
                == "tasks wait and threads block: interval 2 of 3 before one thread more")
    }
}
