import Foundation
import Synchronization
import Testing

@testable import BetaPoolCore

/// What tasks count, for as long as a test runs.
private final class Counters: Sendable {
    let ran = Atomic(0)
    let cancelled = Atomic(0)
    let peak = Atomic(0)
    let now = Atomic(0)

    var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }
    static func at(_ pointer: UnsafeMutableRawPointer?) -> Counters { Unmanaged.fromOpaque(pointer!).takeUnretainedValue() }

    static let count: Task.Function = { argument, status in
        let counters = Counters.at(argument)
        if status == 0 {
            counters.ran.add(1, ordering: .relaxed)
        } else {
            counters.cancelled.add(1, ordering: .relaxed)
        }
    }

    static let sleepOneMillisecond: Task.Function = { argument, status in
        guard status == 0 else { return Counters.count(argument, status) }
        let counters = Counters.at(argument)
        let now = counters.now.add(1, ordering: .relaxed).newValue
        _ = counters.peak.max(now, ordering: .relaxed)
        usleep(1000)
        counters.now.subtract(1, ordering: .relaxed)
        Counters.count(argument, status)
    }
}

private func makePool(_ change: (inout Settings) -> Void = { _ in }) throws -> Pool {
    var settings = paperSettings()
    settings.interval = 0.005
    change(&settings)
    return try Pool.make(
        PoolConfiguration(
            settings: settings, queueLimit: .max, stackSize: 1 << 17, threadName: "test".withCString { ThreadName($0) },
            host: Host(context: nil, spawn: nil, beforeWait: nil, afterWait: nil, lock: .none, onDecision: nil, deliver: { _, _, _ in })))
}

extension Pool {
    fileprivate func submit(_ function: @escaping Task.Function, _ counters: Counters) throws {
        var task = Task(function: function, argument: counters.pointer)
        try submit(&task, count: 1)
    }
}

@Suite(.serialized, .timeLimit(.minutes(1))) struct PoolTests {
    @Test func runsEveryTaskOnceFromManyProducers() async throws {
        let pool = try makePool()
        let counters = Counters()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { for _ in 0..<20_000 { try! pool.submit(Counters.count, counters) } }
            }
        }
        try pool.wait(timeout: -1)
        #expect(counters.ran.load(ordering: .relaxed) == 80_000)
        let stats = try pool.stats()
        #expect(stats.submitted == 80_000 && stats.totals.completed == 80_000 && stats.queueLength == 0)
        try pool.end()
    }

    @Test func growsUnderBlockingLoadAndShrinksAfterwards() throws {
        let pool = try makePool { $0.maxThreads = 12 }
        let counters = Counters()
        for _ in 0..<3000 { try pool.submit(Counters.sleepOneMillisecond, counters) }
        try pool.wait(timeout: -1)
        #expect(counters.peak.load(ordering: .relaxed) == 12)
        let stats = try pool.stats()
        #expect(stats.tally.scaleUps >= 8)
        #expect(stats.smoothedBeta > 0.8)
        while try pool.stats().threads > 4 { usleep(1000) }
        #expect(try pool.stats().totals.threadsRetired >= 8)
        try pool.end()
    }

    @Test func fixedUsesTheMostThreadsAtOnceAndNeverMore() throws {
        let pool = try makePool {
            $0.policy = .fixed
            $0.maxThreads = 7
        }
        let counters = Counters()
        for _ in 0..<500 { try pool.submit(Counters.sleepOneMillisecond, counters) }
        try pool.wait(timeout: -1)
        #expect(counters.peak.load(ordering: .relaxed) == 7)
        #expect(try pool.stats().totals.threadsStarted == 7)
        try pool.end()
    }

    @Test func cancelReportsWhatDidNotRun() throws {
        let pool = try makePool()
        let counters = Counters()
        for _ in 0..<1000 { try pool.submit(Counters.sleepOneMillisecond, counters) }
        try pool.shutDown(.cancel)
        try pool.join(timeout: -1)
        let (ran, cancelled) = (counters.ran.load(ordering: .relaxed), counters.cancelled.load(ordering: .relaxed))
        #expect(ran + cancelled == 1000)
        #expect(cancelled > 0)
        #expect(throws: Errno.self) { try pool.submit(Counters.count, counters) }
        try pool.end()
        #expect(throws: Errno.self) { try pool.stats() }
    }

    @Test func survivesResizeAndShutdownStorms() async throws {
        for round in 0..<20 {
            let pool = try makePool { $0.maxThreads = 16 }
            let counters = Counters()
            let accepted = Counters()
            await withTaskGroup(of: Void.self) { group in
                for producer in 0..<3 {
                    group.addTask {
                        for _ in 0..<500
                        where (try? pool.submit(producer == 0 ? Counters.sleepOneMillisecond : Counters.count, counters)) != nil {
                            accepted.ran.add(1, ordering: .relaxed)
                        }
                    }
                }
                group.addTask {
                    for step in 0..<50 { try? pool.resize(minThreads: 1 + step % 3, maxThreads: 3 + step % 14) }
                    if round % 2 == 0 { try? pool.shutDown(round % 4 == 0 ? .cancel : .drain) }
                }
            }
            try pool.shutDown(.drain)
            try pool.join(timeout: -1)
            let told = counters.ran.load(ordering: .relaxed) + counters.cancelled.load(ordering: .relaxed)
            #expect(told == accepted.ran.load(ordering: .relaxed))
            try pool.end()
        }
    }

    @Test func anIdlePoolSleeps() throws {
        let pool = try makePool()
        let counters = Counters()
        try pool.submit(Counters.count, counters)
        try pool.wait(timeout: -1)
        while !pool.isTickerAsleep { usleep(1000) }
        let decisions = try pool.stats().decisions
        usleep(100_000)
        #expect(try pool.stats().decisions == decisions)
        try pool.end()
    }
}

extension Pool {
    fileprivate var isTickerAsleep: Bool {
        lock()
        defer { unlock() }
        return state.pointee.ticker.isAsleep
    }
}

@Suite struct TaskQueueTests {
    /// Against an array, through growth, wrap-around and shrinking.
    @Test func isAQueue() throws {
        var random = SeededGenerator(seed: 4)
        var queue = TaskQueue()
        var model: [Int] = []
        var number = 0
        for _ in 0..<200 {
            let more = Int.random(in: 0...3000, using: &random)
            try queue.reserve(more)
            for _ in 0..<more {
                number += 1
                queue.append(number)
                model.append(number)
            }
            for _ in 0..<Int.random(in: 0...model.count, using: &random) {
                #expect(Int(bitPattern: queue.pop()!.argument) == model.removeFirst())
            }
            #expect(queue.appended == number)
            #expect(queue.count == model.count)
        }
        while let task = queue.pop() { #expect(Int(bitPattern: task.argument) == model.removeFirst()) }
        #expect(model.isEmpty && queue.isEmpty)
        queue.removeAll()
    }

    /// It takes what there is room for below the limit, and nothing once it is shut.
    @Test func hasADoor() throws {
        var queue = TaskQueue()
        queue.openDoor(limit: .max, reserved: 0)
        #expect(queue.appendedThroughDoor() == 0)
        try queue.reserve(64)
        #expect(queue.appendedThroughDoor() == 0)
        queue.openDoor(limit: 10, reserved: 3)
        #expect(queue.appendedThroughDoor() == 7)
        queue.openDoor(limit: .max, reserved: 56)
        #expect(queue.appendedThroughDoor() == 1)
        queue.openDoor(limit: 5, reserved: 0)
        #expect(queue.appendedThroughDoor() == 0)
        queue.openDoor(limit: .max, reserved: 0)
        queue.shutDoor()
        #expect(queue.appendedThroughDoor() == 0)
        queue.openDoor(limit: .max, reserved: 0)
        var all = queue.takeAll()
        #expect(queue.appendedThroughDoor() == 0)
        #expect(queue.isEmpty && queue.appended == 8)
        for number in 1...8 { #expect(Int(bitPattern: all.pop()!.argument) == number) }
        #expect(all.isEmpty)
        all.removeAll()
    }

    @Test func refusesWhatNoMemoryCanHold() {
        var queue = TaskQueue()
        #expect(throws: Errno.self) { try queue.reserve(.max) }
        #expect(throws: Errno.self) { try queue.reserve(1 << 60) }
        #expect(queue.isEmpty)
    }
}

extension TaskQueue {
    fileprivate mutating func append(_ number: Int) {
        withUnsafePointer(to: .numbered(number)) { push($0, count: 1) }
    }

    /// How many tasks it took, in the order of their numbers.
    fileprivate mutating func appendedThroughDoor() -> Int {
        let before = appended
        while pushThroughDoor(.numbered(Int(appended) + 1)) {}
        return Int(appended - before)
    }
}

extension BetaPoolCore.Task {
    fileprivate static func numbered(_ number: Int) -> Self {
        Self(function: { _, _ in }, argument: UnsafeMutableRawPointer(bitPattern: number))
    }
}
