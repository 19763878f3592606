import BetaPool
import Dispatch
import Foundation
import Synchronization

// What the tests of the Swift floor share.

struct Refusal: Error, Equatable {
    let number: Int
}

/// Tasks wait for it until it is opened.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func open() {
        semaphore.signal()
    }

    func pass() {
        semaphore.wait()
        semaphore.signal()
    }
}

final class Counter: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add() {
        count.add(1, ordering: .relaxed)
    }
}

final class Diary: Sendable {
    private let entries = Mutex<[Decision]>([])

    var decisions: [Decision] { entries.withLock { $0 } }

    func add(_ decision: Decision) {
        entries.withLock { $0.append(decision) }
    }
}

/// A reference that somebody else may let go.
final class Holder<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)

    func put(_ new: Value) {
        value.withLock { $0 = new }
    }

    /// Lets go without the lock: that may be the end of a pool.
    func letGo() {
        let last = value.withLock { value in
            defer { value = nil }
            return value
        }
        withExtendedLifetime(last) {}
    }
}

func makeThreadPool(
    threads: Int = 2, _ change: (inout AdaptiveThreadPool.Configuration) -> Void = { _ in }
) throws -> AdaptiveThreadPool {
    var configuration = AdaptiveThreadPool.Configuration()
    configuration.control.policy = .fixed
    configuration.control.minThreads = 1
    configuration.control.maxThreads = threads
    change(&configuration)
    return try AdaptiveThreadPool(configuration)
}

/// Occupies a pool of one thread until the gate opens.
func occupy(_ pool: AdaptiveThreadPool) throws -> Gate {
    let gate = Gate()
    try pool.submit { gate.pass() }
    while pool.stats.running == 0 { usleep(200) }
    return gate
}

func waitUntil(_ condition: () throws -> Bool) async throws {
    while try !condition() { try await Task.sleep(for: .milliseconds(1)) }
}

/// Whether this process has a thread whose name begins so.
func hasThread(named prefix: String) throws -> Bool {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").contains { thread in
        (try? String(contentsOfFile: "/proc/self/task/\(thread)/comm", encoding: .utf8))?.hasPrefix(prefix) == true
    }
}
