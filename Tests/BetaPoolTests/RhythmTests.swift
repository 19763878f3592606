import Testing

@testable import BetaPoolCore

/// To look at threads costs time, on some machines more than on others.
@Suite(.timeLimit(.minutes(1))) struct RhythmTests {
    private func course(of cost: LookCost, cores: Int = 2) throws -> Course {
        let plant = Plant(cores: cores, hasLock: true) { _, random in
            [.compute(Double.random(in: 0.00005...0.00015, using: &random)), .wait(Double.random(in: 0.01...0.03, using: &random))]
        }
        return try Course.run(plant, settings: Settings(.adaptive, limits: .current()), seconds: 30, cost: cost)
    }

    /// A machine on which a file of /proc takes its time: fewer looks, and no more than half a percent of a core for them. The pool still
    /// finds as many threads as keep the lock busy.
    @Test func looksCostNoMoreThanTheirBudget() throws {
        let course = try course(of: LookCost(wake: 30e-6, read: 9e-6))
        #expect(course.share(from: 15, to: 30) <= 0.005)
        #expect(course.rate(from: 15, to: 30) >= 0.95 / 0.0001)
    }

    /// A fast one looks as often as is of use, and it may: it costs less than the budget.
    @Test func cheapLooksAreManyMore() throws {
        let course = try course(of: LookCost(wake: 5e-6, read: 1e-6))
        #expect(course.looks.last!.count >= 64)
        #expect(course.share(from: 15, to: 30) <= 0.005)
    }

    /// However dear they are, some are taken: a pool that sees nothing keeps no bottleneck.
    @Test func dearLooksAreStillTaken() throws {
        let course = try course(of: LookCost(wake: 1e-3, read: 1e-3))
        #expect(course.looks.allSatisfy { $0.count > 0 })
        #expect(course.rate(from: 15, to: 30) >= 0.9 / 0.0001)
    }
}
