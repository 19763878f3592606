import BetaPool
import Foundation
import Testing

// Policies, configurations, errors and the controller, as `import BetaPool` gives them.

@Suite(.timeLimit(.minutes(1))) struct SwiftControlTests {
    @Test func everyPolicyHasAName() {
        #expect(Set(Policy.allCases) == [.adaptive, .paper, .paperIO, .fixed])
        for policy in Policy.allCases { #expect(Policy(policy.description) == policy) }
        #expect(Policy("paper-io") == .paperIO)
        #expect(Policy("none") == nil)
    }

    // MARK: Refusals

    typealias Change = @Sendable (inout AdaptiveThreadPool.Configuration) -> Void
    static let mistakes: [Change] = [
        { $0.control.maxThreads = 0 }, { $0.control.maxThreads = -1 }, { $0.control.maxThreads = 65537 },
        { $0.control.minThreads = 0 }, { $0.control.minThreads = 3 }, { $0.control.hysteresis = 0 }, { $0.control.hysteresis = .max },
        { $0.control.interval = .zero }, { $0.control.interval = .seconds(-1) }, { $0.control.interval = .seconds(3601) },
        { $0.control.alpha = 0 }, { $0.control.alpha = .nan }, { $0.control.betaThreshold = 1.5 },
        { $0.queueLimit = 0 }, { $0.queueLimit = -5 }, { $0.stackSize = 1000 }, { $0.stackSize = 0 },
    ]

    @Test(arguments: mistakes.indices) func mistakesAreRefused(_ index: Int) {
        #expect(throws: BetaPoolError.outOfRange) { try makeThreadPool(threads: 2, Self.mistakes[index]) }
    }

    @Test func errorsNameTheFix() {
        #expect("\(BetaPoolError.notShutDown)" == "the pool is still open: call shutdown() before join()")
        let errors: [BetaPoolError] = [.outOfRange, .notShutDown, .outOfMemory, .tryAgain, .shutDown, .timedOut, .wouldDeadlock]
        #expect(Set(errors.map(\.description)).count == errors.count)
        for error in errors { #expect(!error.description.contains("unknown") && !error.description.contains("\n")) }
    }

    // MARK: A program's own threads

    @Test func aControllerDecidesByWhatItIsTold() throws {
        var configuration = ThreadController.Configuration()
        configuration.policy = .paper
        let controller = try ThreadController(configuration)
        #expect(controller.threads == 4)
        for tick in 1...10 {
            try controller.report(cpuTime: .milliseconds(1), wallTime: .milliseconds(10))
            let decision = controller.tick(queueLength: 5, now: .seconds(tick))
            #expect(abs(decision.beta! - 0.9) < 1e-9 && decision.queueLength == 5 && decision.time == .seconds(tick))
        }
        #expect(controller.threads == 7)  // one more after each 3 intervals
        #expect(controller.decisions.map(\.threads) == [4, 4, 5, 5, 5, 6, 6, 6, 7, 7])
        #expect(throws: BetaPoolError.outOfRange) { try controller.report(cpuTime: .seconds(2), wallTime: .seconds(1)) }
        #expect(throws: BetaPoolError.outOfRange) { try controller.report(cpuTime: .seconds(-1), wallTime: .seconds(1)) }
    }

    @Test func aControllerSeesAttachedThreads() throws {
        let controller = try ThreadController()
        let result = try controller.withThread { thread in
            #expect(controller.sample() == 0)
            #expect(throws: Refusal(number: 1)) { try thread.perform { throw Refusal(number: 1) } }
            return thread.perform {
                #expect(controller.sample() == 1)
                usleep(20_000)
                return "done"
            }
        }
        #expect(result == "done")
        #expect(controller.tick(queueLength: 0).beta! > 0.5)  // it slept for the most part
    }
}
