internal import CBetaPool
internal import CSystem
import Synchronization

/// Who is told of a pool's decisions.
final class Observer: Sendable {
    private let body: @Sendable (Decision) -> Void
    /// The thread that is in `body`, if one is.
    private let thread = Atomic<UInt>(0)

    init(_ body: @escaping @Sendable (Decision) -> Void) {
        self.body = body
    }

    /// Whether the calling thread is in `body`.
    var isBusyHere: Bool {
        thread.load(ordering: .relaxed) == Self.callingThread
    }

    /// The callback of a betapool_config.
    static func tell(_ observer: UnsafeMutableRawPointer?, _ decision: UnsafePointer<betapool_decision>?) {
        let observer = Unmanaged<Observer>.fromOpaque(observer!).takeUnretainedValue()
        observer.thread.store(callingThread, ordering: .relaxed)
        observer.body(Decision(decision!.pointee))
        observer.thread.store(0, ordering: .relaxed)
    }

    private static var callingThread: UInt { UInt(pthread_self()) }
}
