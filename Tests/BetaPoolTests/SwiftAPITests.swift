import BetaPool
import Foundation
import Testing

// What `import BetaPool` gives, and nothing else: no test here sees the inside. A part of PoolTests, so that
// neither runs beside the other: both make pools that measure what this machine does.
extension PoolTests {
    @Suite struct SwiftAPITests {
        // MARK: run

        @Test func runReturnsTheResult() async throws {
            let pool = try AdaptiveThreadPool()
            #expect(try await pool.run { 6 * 7 } == 42)
            #expect(try await pool.run { ["a": [1, 2]] } == ["a": [1, 2]])
            try await pool.run {}
        }

        @Test func runThrowsWhatTheFunctionThrows() async throws {
            let pool = try AdaptiveThreadPool()
            await #expect(throws: Refusal(number: 3)) { try await pool.run { throw Refusal(number: 3) } }
        }

        @Test func runsTenThousandTasksForManyCallers() async throws {
            let pool = try AdaptiveThreadPool()
            let sum = try await withThrowingTaskGroup(of: Int.self) { callers in
                for caller in 0..<100 {
                    callers.addTask {
                        var sum = 0
                        for step in 0..<100 { sum += try await pool.run { caller * 100 + step } }
                        return sum
                    }
                }
                return try await callers.reduce(0, +)
            }
            #expect(sum == (0..<10_000).reduce(0, +))
            pool.shutdown()
            try await pool.join()
            #expect(pool.stats.submitted == 10_000 && pool.stats.completed == 10_000)
        }

        @Test func aCallerCancelledInTheQueueIsAnsweredAtOnce() async throws {
            let pool = try makeThreadPool(threads: 1)
            let gate = try occupy(pool)
            let ran = Counter()
            let caller = Task { try await pool.run { ran.add() } }
            try await waitUntil { pool.stats.queueLength == 1 }
            caller.cancel()
            await #expect(throws: CancellationError.self) { try await caller.value }
            #expect(pool.stats.running == 1)  // the gate is still shut
            gate.open()
            pool.shutdown()
            try await pool.join()
            #expect(ran.value == 0)
        }

        @Test func aCancelledCallerQueuesNothing() async throws {
            let pool = try makeThreadPool()
            let caller = Task {
                withUnsafeCurrentTask { $0!.cancel() }
                _ = try await pool.run { Issue.record("called") }
            }
            await #expect(throws: CancellationError.self) { try await caller.value }
            #expect(pool.stats.submitted == 0)
        }

        @Test func aFunctionThatHasStartedRunsToItsEnd() async throws {
            let pool = try makeThreadPool()
            let gate = Gate()
            let caller = Task {
                try await pool.run {
                    gate.pass()
                    return 7
                }
            }
            try await waitUntil { pool.stats.running == 1 }
            caller.cancel()
            gate.open()
            #expect(try await caller.value == 7)
        }

        @Test func cancellationStormsLoseNobody() async throws {
            let pool = try makeThreadPool(threads: 3)
            for round in 0..<50 {
                let callers = (0..<40).map { number in
                    Task { try await pool.run { if number % 3 == 0 { usleep(50) } } }
                }
                for (number, caller) in callers.enumerated() where (round + number) % 2 == 0 { caller.cancel() }
                for caller in callers { _ = await caller.result }  // each is resumed once: a continuation checks that
            }
            pool.shutdown()
            try await pool.join()
            #expect(pool.stats.queueLength == 0)
        }

        // MARK: submit

        @Test func aFullQueueRefuses() async throws {
            let pool = try makeThreadPool(threads: 1) { $0.queueLimit = 2 }
            let gate = try occupy(pool)
            try pool.submit {}
            try pool.submit {}
            #expect(throws: BetaPoolError.tryAgain) { try pool.submit { Issue.record("ran") } }
            await #expect(throws: BetaPoolError.tryAgain) { try await pool.run { Issue.record("ran") } }
            gate.open()
        }

        @Test func aTaskCannotWaitForItsPool() throws {
            let pool = try makeThreadPool()
            let gate = Gate()
            try pool.submit {
                #expect(throws: BetaPoolError.wouldDeadlock) { try pool.wait() }
                pool.shutdown()
                #expect(throws: BetaPoolError.wouldDeadlock) { try pool.syncJoin() }
                gate.open()
            }
            gate.pass()
            try pool.syncJoin()
        }

        @Test func waitingHasAnEnd() throws {
            let pool = try makeThreadPool(threads: 1)
            try pool.wait()
            let gate = try occupy(pool)
            #expect(throws: BetaPoolError.timedOut) { try pool.wait(timeout: .zero) }
            #expect(throws: BetaPoolError.timedOut) { try pool.wait(timeout: .milliseconds(5)) }
            #expect(throws: BetaPoolError.notShutDown) { try pool.syncJoin() }
            pool.shutdown()
            #expect(throws: BetaPoolError.timedOut) { try pool.syncJoin(timeout: .milliseconds(5)) }
            gate.open()
            try pool.wait()
            try pool.syncJoin()
        }

        @Test func resizingMovesTheLimits() throws {
            let pool = try makeThreadPool(threads: 4)
            try pool.resize(to: 2...3)
            #expect(pool.stats.threadLimits == 2...3 && pool.stats.targetThreads == 3)
            for refused in [0...1, -1...1, 1...65537] {
                #expect(throws: BetaPoolError.outOfRange) { try pool.resize(to: refused) }
            }
            #expect(pool.stats.threadLimits == 2...3)
        }

        /// Whether it runs, is given up or was never accepted.
        @Test func aTaskIsReleasedWhenItIsOver() throws {
            weak var first: Counter?
            weak var second: Counter?
            weak var third: Counter?
            let pool = try makeThreadPool(threads: 1)
            do {
                let counters = [Counter(), Counter(), Counter()]
                (first, second, third) = (counters[0], counters[1], counters[2])
                try pool.submit { counters[0].add() }
                let gate = try occupy(pool)
                try pool.submit { counters[1].add() }
                pool.shutdown(.cancel)
                #expect(throws: BetaPoolError.shutDown) { try pool.submit { counters[2].add() } }
                gate.open()
                try pool.syncJoin()
                #expect(counters.map(\.value) == [1, 0, 0])
            }
            #expect(first == nil && second == nil && third == nil)
        }

        // MARK: The end

        @Test func drainingRunsWhatIsQueued() async throws {
            let pool = try makeThreadPool(threads: 1)
            let gate = try occupy(pool)
            let ran = Counter()
            for _ in 0..<100 { try pool.submit { ran.add() } }
            async let answer = pool.run { 5 }
            try await waitUntil { pool.stats.queueLength == 101 }
            pool.shutdown(.drain)
            #expect(throws: BetaPoolError.shutDown) { try pool.submit {} }
            await #expect(throws: BetaPoolError.shutDown) { try await pool.run {} }
            gate.open()
            try await pool.join()
            #expect(ran.value == 100)
            #expect(try await answer == 5)
        }

        @Test func cancellingTellsEverybody() async throws {
            let pool = try makeThreadPool(threads: 1)
            let gate = try occupy(pool)
            let cancelled = Counter()
            for _ in 0..<100 {
                try pool.submit {
                    Issue.record("ran")
                } onCancel: {
                    cancelled.add()
                }
            }
            try pool.submit { Issue.record("ran") }
            let caller = Task { try await pool.run { Issue.record("ran") } }
            try await waitUntil { pool.stats.queueLength == 102 }
            pool.shutdown(.cancel)
            #expect(cancelled.value == 100)
            await #expect(throws: CancellationError.self) { try await caller.value }
            gate.open()
            try await pool.join()
            #expect(pool.stats.cancelled == 102 && pool.stats.completed == 1)
        }

        @Test func theLastReferenceWaitsForWhatIsQueued() throws {
            let ran = Counter()
            do {
                let pool = try makeThreadPool(threads: 1) { $0.threadName = "deinit" }
                for _ in 0..<200 {
                    try pool.submit {
                        usleep(100)
                        ran.add()
                    }
                }
            }
            #expect(ran.value == 200)
            while try hasThread(named: "deinit") { usleep(1000) }
        }

        @Test func aTaskMayHoldTheLastReference() async throws {
            let holder = Holder<AdaptiveThreadPool>()
            let ran = Counter()
            let gate = Gate()
            do {
                let pool = try makeThreadPool(threads: 2) { $0.threadName = "own-task" }
                holder.put(pool)
                try pool.submit {
                    gate.pass()
                    holder.letGo()
                }
                for _ in 0..<20 { try pool.submit { ran.add() } }
            }
            gate.open()
            try await waitUntil { try ran.value == 20 && !hasThread(named: "own-task") }
        }

        @Test func theDecisionCallbackMayHoldTheLastReference() async throws {
            let holder = Holder<AdaptiveThreadPool>()
            let ran = Counter()
            let gate = Gate()
            do {
                let pool = try makeThreadPool(threads: 20) {
                    $0.threadName = "own-tick"
                    $0.control.policy = .paper
                    $0.control.interval = .milliseconds(50)
                    $0.onDecision = { _ in
                        holder.letGo()
                        gate.open()  // it did not wait for the tasks
                    }
                }
                holder.put(pool)
                for _ in 0..<200 {
                    try pool.submit {
                        gate.pass()
                        ran.add()
                    }
                }
            }
            try await waitUntil { try ran.value == 200 && !hasThread(named: "own-tick") }
        }

        // MARK: Looking

        @Test func decisionsAreToldAndKept() async throws {
            let diary = Diary()
            let pool = try makeThreadPool(threads: 12) {
                $0.control.policy = .paper
                $0.control.interval = .milliseconds(5)
                $0.onDecision = { diary.add($0) }
            }
            let start = Decision.now
            for _ in 0..<1000 { try pool.submit { usleep(1000) } }
            pool.shutdown()
            try await pool.join()
            let all = pool.decisions
            #expect(all.map(\.number) == Array(all[0].number..<all[0].number + UInt64(all.count)))
            #expect(all.contains { $0.action == .scaleUp && $0.threads == $0.threadsBefore + 1 })
            #expect(all.allSatisfy { !$0.reason.isEmpty && $0.description.hasSuffix($0.reason) && $0.time >= start })
            let changes = all.filter { $0.threads != $0.threadsBefore }.map(\.number)
            #expect(Set(changes).isSubset(of: diary.decisions.map(\.number)))
            #expect(diary.decisions.allSatisfy { $0.action != .hold })
            let stats = pool.stats
            #expect(stats.policy == .paper && stats.threadLimits == 1...12 && stats.completed == 1000)
            #expect(stats.scaleUps >= 5 && stats.smoothedBeta > 0.5 && stats.busyTime > stats.cpuTime)
        }
    }
}
